create or replace function worker.last_turn()
  returns setof worker.worker_turn
  language sql
  stable
as $$
  select w.* from worker.worker_turn as w order by w.turn_id desc limit 1
$$;

comment on function worker.last_turn is
  'The highest turn that this shard knows; no row if there is none. Called by the worker''s turn loop, for the '
  'solver''s registry of shards.';

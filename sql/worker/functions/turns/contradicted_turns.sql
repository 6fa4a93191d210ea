create or replace function worker.contradicted_turns(p_turns jsonb)
  returns setof integer
  language sql
  stable
as $$
  select w.turn_id
  from worker.worker_turn as w
    inner join jsonb_populate_recordset(null::worker.worker_turn, p_turns) as t using (turn_id)
  where w.started_at <> t.started_at
    or w.phase > t.phase
    or w.phase = 3 and (w.is_lost or w.collection_started_at <> t.collection_started_at)
  order by w.turn_id
$$;

comment on function worker.contradicted_turns is
  'Those of the given turns of the solver (solver.turn rows) that this shard knows otherwise: begun at another moment, '
  'further, given up as lost, or with another result. Then the solver''s database has stepped back in time. Called by '
  'the worker''s turn loop.';

create or replace function worker.awaits_result(p_turn worker.worker_turn)
  returns boolean
  language sql
  stable
as $$
  select p_turn.phase < 3
    or p_turn.worker_turn_subphase = 0
    and not exists (
      select from worker.staging_stamp as s where s.turn_id = p_turn.turn_id and s.phase = 3
    )
$$;

comment on function worker.awaits_result is
  'Whether this shard has not taken over the result of a turn yet. Called by overlooked_turns and forget_turns.';

create or replace function worker.end_settling(p_turn_id integer)
  returns boolean
  language plpgsql
as $$
begin
  perform from worker.worker_turn
  where turn_id = p_turn_id and phase = 3 and worker_turn_subphase = 0
  for no key update;
  if not found then
    return true;
  end if;
  if not worker.has_finished_lanes(p_turn_id, 3) then
    return false;
  end if;
  -- Phase 2 may have ended in the middle of its bulk step.
  delete from worker.turn_needed_currency where turn_id = p_turn_id;
  perform worker.clear_staging(p_turn_id, 2), worker.clear_staging(p_turn_id, 3);
  return worker.end_step(p_turn_id, 3, 0);
end
$$;

comment on function worker.end_settling is
  'Ends step 3/0 of a turn after its last lane. False: some lane is not done. Called by the worker''s turn loop.';

create or replace function worker.settle_lane(p_turn_id integer, p_lane integer)
  returns boolean
  language plpgsql
as $$
begin
  if not worker.try_lock_lane(p_lane) then
    return false;
  end if;
  -- Who keeps an early payment of the turn does so before the merge below, or sees the progress row of this lane.
  perform worker.lock_turn_exclusive(p_turn_id);
  if not worker.lane_is_open(p_turn_id, 3, p_lane) then
    return true;
  end if;
  perform worker.require_staging(p_turn_id, 3);
  perform worker.insert_participations(p_turn_id, p_lane);
  perform worker.insert_collector_payments(p_turn_id, p_lane);
  perform worker.merge_early_arrivals(p_turn_id, p_lane);
  perform worker.revise_account_locks(p_turn_id, p_lane);
  insert into worker.worker_turn_lane (turn_id, phase, subphase, lane) values (p_turn_id, 3, 0, p_lane);
  return true;
end
$$;

comment on function worker.settle_lane is
  'Step 3/0 of a turn in one lane: takes over what the solver arranged and gives every lock of the turn its '
  'verdict. False: somebody else works on the lane, come back. Fails with ST020 when the solver rows are not '
  'loaded. Called by the worker''s turn loop.';

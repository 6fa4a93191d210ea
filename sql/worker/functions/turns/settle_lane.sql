create or replace function worker.settle_lane(p_turn_id integer, p_lane integer)
  returns boolean
  language plpgsql
  -- Hash joins only. With stale statistics a nested loop reads one big set for each row of another, and a merge join
  -- walks the index of all locks instead of their pages.
  set enable_nestloop = off
  set enable_mergejoin = off
  set jit = off
as $$
begin
  if not worker.try_lock_lane(p_lane) then
    return false;
  end if;
  -- Shared, so that lanes are worked side by side: nobody else can overlap. Who keeps an early payment for a collector
  -- of this lane holds the lane, so it is here for the merge below, or sees the progress row. Nobody creates a lock of
  -- the turn: candidate offers look at its phase under this lock, which the change to phase 3 took exclusively.
  perform worker.lock_turn_shared(p_turn_id);
  if not worker.lane_is_open(p_turn_id, 3, p_lane) then
    return true;
  end if;
  perform worker.require_staging(p_turn_id, 3);
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

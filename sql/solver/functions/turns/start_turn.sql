create or replace function solver.start_turn(
  p_turn_period interval,
  p_turn_period_offset interval,
  p_phase1_duration interval,
  p_base_debtor_info_locator text,
  p_base_debtor_id bigint,
  p_max_distance_to_base integer,
  p_min_trade_amount bigint,
  p_is_due boolean default false,
  p_done_by text default session_user
)
  returns integer
  language plpgsql
  -- A day has 24 hours: authorities count the seconds of their periods.
  set timezone = 'UTC'
as $$
declare
  v_now timestamptz := solver.now();
  v_period numeric := extract(epoch from p_turn_period);
  v_overdue numeric;
  v_latest timestamptz;
  v_turn_id integer;
begin
  -- One starter at a time; the statements below see what the one before committed.
  perform pg_advisory_xact_lock(7303, 0);
  if solver.is_stepped_back() or exists (select from solver.turn where phase < 4) or v_period <= 0 and not p_is_due
  then
    return null;
  end if;

  if not p_is_due then
    -- Periods are counted from a Monday.
    v_overdue := mod(
      extract(epoch from v_now - timestamptz '2024-01-01 00:00:00+00') - extract(epoch from p_turn_period_offset),
      v_period
    );
    if v_overdue < 0 then
      v_overdue := v_overdue + v_period;
    end if;
    -- A start in the future was stamped by a clock that ran ahead. Waiting for it might take years.
    select coalesce(max(started_at), timestamptz '1970-01-01 00:00:00+00') into v_latest
    from solver.turn
    where started_at <= v_now and closed_by_force_at is null;
    if v_overdue >= v_period / 2 or v_period / 2 >= extract(epoch from v_now - v_latest) then
      return null;
    end if;
  end if;

  insert into solver.turn (
    started_at, phase_deadline, base_debtor_info_locator, base_debtor_id, max_distance_to_base, min_trade_amount
  )
  values (
    v_now,
    v_now + p_phase1_duration,
    p_base_debtor_info_locator,
    p_base_debtor_id,
    p_max_distance_to_base,
    p_min_trade_amount
  )
  returning turn_id into v_turn_id;
  perform solver.note_phase(v_turn_id);
  if p_is_due then
    perform solver.note_action(p_done_by, 'started a turn', jsonb_build_object('turn', v_turn_id));
  end if;
  return v_turn_id;
end
$$;

comment on function solver.start_turn is
  'Starts a turn if none is unfinished and one is due: in the first half of a period, and not less than half a '
  'period after the latest start; starts in the future do not count, nor turns that were closed by force. Returns its '
  'ID, or null. A period of zero starts nothing by itself. p_is_due: an operator (p_done_by) wants it now, whatever '
  'the period. But nothing starts while this database may have stepped back. Called by the solver''s turn loop, and by '
  'operators.';

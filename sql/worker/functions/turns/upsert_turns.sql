create or replace function worker.upsert_turns(p_turns jsonb)
  returns integer
  language plpgsql
as $$
declare
  v_others integer[];
  v_advanced integer[];
  v_count integer;
begin
  insert into worker.worker_turn (
    turn_id, started_at, base_debtor_info_locator, base_debtor_id, max_distance_to_base, min_trade_amount,
    phase, phase_deadline, collection_started_at, collection_deadline
  )
  select
    t.turn_id, t.started_at, t.base_debtor_info_locator, t.base_debtor_id, t.max_distance_to_base, t.min_trade_amount,
    least(t.phase, 3), t.phase_deadline, t.collection_started_at, t.collection_deadline
  from jsonb_populate_recordset(null::worker.worker_turn, p_turns) as t
  order by t.turn_id
  on conflict (turn_id) do nothing;
  get diagnostics v_count = row_count;

  -- Only a change of phase has to keep candidate offers away, so that polling does not.
  select array_agg(w.turn_id order by w.turn_id) into v_advanced
  from worker.worker_turn as w
    inner join jsonb_populate_recordset(null::worker.worker_turn, p_turns) as t using (turn_id)
  where w.phase < least(t.phase, 3) and w.started_at = t.started_at;
  select array_agg(w.turn_id order by w.turn_id) into v_others
  from worker.worker_turn as w
    inner join jsonb_populate_recordset(null::worker.worker_turn, p_turns) as t using (turn_id)
  where w.started_at <> t.started_at;
  if v_others is not null then
    raise warning 'the solver has other turns than this shard knows: its database has stepped back in time'
      using detail = format('turns %s', v_others);
  end if;
  if v_advanced is null then
    return v_count;
  end if;
  perform worker.lock_turn_exclusive(turn_id) from unnest(v_advanced) as a(turn_id);

  update worker.worker_turn as w
  set
    phase = least(t.phase, 3),
    phase_deadline = t.phase_deadline,
    collection_started_at = t.collection_started_at,
    collection_deadline = t.collection_deadline,
    worker_turn_subphase = 0
  from jsonb_populate_recordset(null::worker.worker_turn, p_turns) as t
  where t.turn_id = any(v_advanced)
    and w.turn_id = t.turn_id
    and w.phase < least(t.phase, 3);
  return v_count + cardinality(v_advanced);
end
$$;

comment on function worker.upsert_turns is
  'Takes over turns of the solver: new ones, and those that reached a later phase, which restarts their sub-phases. '
  'Another turn with an ID that is known here is skipped, with a warning. p_turns: array of solver.turn rows. Returns '
  'how many were new or advanced. Called by the worker''s turn loop.';

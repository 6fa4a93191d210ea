create or replace function solver.end_step_back(p_above integer, p_decided_by text)
  returns integer
  language plpgsql
  security definer
as $$
declare
  v_above integer;
  v_closed integer[];
begin
  perform solver.commit_surely();
  select greatest(p_above, solver.highest_turn(), max(s.last_turn_id)) into v_above from solver.shard as s;
  update solver.step_back
  set resolved_at = solver.now(), resumed_above = v_above, resolved_by = p_decided_by
  where resolved_at is null;
  if not found then
    return null;
  end if;

  -- What shards gave in phases 1 and 2 may be gone. In phase 3 there is one result, unless a shard knows another one.
  with closed as (
    update solver.turn
    set
      phase = 4,
      phase_deadline = null,
      collection_started_at = coalesce(collection_started_at, solver.now()),
      collection_deadline = coalesce(collection_deadline, solver.now()),
      closed_by_force_at = solver.now()
    where phase < 3 or phase = 3 and is_contradicted
    returning turn_id
  )
  select array_agg(c.turn_id) into v_closed from closed as c;
  perform solver.note_phase(c.turn_id) from unnest(v_closed) as c (turn_id);
  delete from solver.debtor_info where turn_id = any(v_closed);
  delete from solver.confirmed_debtor where turn_id = any(v_closed);
  delete from solver.currency_info where turn_id = any(v_closed);
  delete from solver.sell_offer where turn_id = any(v_closed);
  delete from solver.buy_offer where turn_id = any(v_closed);
  delete from solver.creditor_taking where turn_id = any(v_closed);
  delete from solver.creditor_giving where turn_id = any(v_closed);
  delete from solver.collector_collecting where turn_id = any(v_closed);
  delete from solver.collector_sending where turn_id = any(v_closed);
  delete from solver.collector_receiving where turn_id = any(v_closed);
  delete from solver.collector_dispatching where turn_id = any(v_closed);
  delete from solver.fetched_result where turn_id = any(v_closed);

  -- Back, too: a crash skips up to 32 IDs, and there are workers that keep only 16 bits of them.
  perform setval(pg_get_serial_sequence('solver.turn', 'turn_id'), greatest(v_above, 1), v_above > 0);
  return v_above;
end
$$;

comment on function solver.end_step_back is
  'Ends the step back: closes the turns that shards may have seen further than this database knows them, and lets the '
  'next one have the first ID above p_above and above all that anybody knows. Returns the ID before it, null if there '
  'is no step back. Called by resolve_step_back and resume_turns, which keep others away.';

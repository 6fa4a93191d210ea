create or replace function solver.end_turn(p_turn_id integer)
  returns boolean
  language plpgsql
as $$
begin
  update solver.turn
  set phase = 4, phase_deadline = null
  where turn_id = p_turn_id
    and phase = 3
    and not exists (select from solver.creditor_taking where turn_id = p_turn_id)
    and not exists (select from solver.creditor_giving where turn_id = p_turn_id)
    and not exists (select from solver.collector_collecting where turn_id = p_turn_id)
    and not exists (select from solver.collector_sending where turn_id = p_turn_id)
    and not exists (select from solver.collector_receiving where turn_id = p_turn_id)
    and not exists (select from solver.collector_dispatching where turn_id = p_turn_id);
  if not found then
    return false;
  end if;
  perform solver.note_phase(p_turn_id);
  return true;
end
$$;

comment on function solver.end_turn is
  'Ends a turn whose results were all fetched by the workers. False: some were not, or the turn is not in phase 3. '
  'Called by the solver''s turn loop.';

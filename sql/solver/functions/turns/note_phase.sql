create or replace function solver.note_phase(p_turn_id integer)
  returns void
  language sql
begin atomic
  insert into solver.turn_phase (turn_id, phase, began_at)
  select t.turn_id, t.phase, solver.now()
  from solver.turn as t
  where t.turn_id = p_turn_id
  on conflict do nothing;
end;

comment on function solver.note_phase is
  'Notes that the phase of a turn begins now. Called by the functions that begin phases.';

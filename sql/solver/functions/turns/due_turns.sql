create or replace function solver.due_turns()
  returns table (turn_id integer, phase smallint)
  language sql
  stable
begin atomic
  select t.turn_id, t.phase
  from solver.turn as t
  where t.phase < 4
    and not solver.is_stepped_back()
    and (t.phase_deadline is null or solver.is_phase_over(t.started_at, t.phase_deadline))
  order by t.turn_id;
end;

comment on function solver.due_turns is
  'Unfinished turns whose phase may end: its deadline passed, or it has none. None while this database may have '
  'stepped back. Called by the solver''s turn loop.';

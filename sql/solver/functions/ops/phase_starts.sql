create or replace function solver.phase_starts(p_turn_ids integer[])
  returns table (turn_id integer, phase smallint, began_at timestamptz)
  language sql
  security definer
  stable
begin atomic
  select p.turn_id, p.phase, p.began_at
  from solver.turn_phase as p
  where p.turn_id = any(p_turn_ids)
  order by p.turn_id, p.phase;
end;

comment on function solver.phase_starts is
  'When the phases of these turns began, as far as that was noted. Called by the dashboard.';

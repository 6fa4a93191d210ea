create or replace function solver.is_phase_over(p_started_at timestamptz, p_phase_deadline timestamptz)
  returns boolean
  language sql
  stable
begin atomic
  select p_phase_deadline < solver.now() or solver.past_moment(p_started_at) is null;
end;

comment on function solver.is_phase_over is
  'Whether phase 1 or 2 of a turn may end: its deadline has passed, or the turn began in the future, and would block '
  'all others until then. Such a turn ends without trades. Called wherever phases end.';

create or replace function solver.is_stepped_back()
  returns boolean
  language sql
  stable
as $$
  select exists (select from solver.step_back as s where s.resolved_at is null)
$$;

comment on function solver.is_stepped_back is
  'Whether this database may be an earlier state of itself, and what others have seen is not known yet. Called '
  'wherever turns start, phases end, or results are taken.';

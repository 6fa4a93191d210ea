create or replace function solver.resolve_step_back()
  returns integer
  language plpgsql
as $$
begin
  if not solver.is_stepped_back() then
    return null;
  end if;
  -- Reports that notice something are over, or come later.
  perform pg_advisory_xact_lock(7303, 0);
  if exists (select from solver.waited_for()) then
    return null;
  end if;
  return solver.end_step_back(0, null);
end
$$;

comment on function solver.resolve_step_back is
  'Lets turns go on once every shard has reported what it knows of them. Returns the ID above which they do, or null. '
  'Called by the solver''s turn loop.';

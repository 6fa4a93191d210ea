create or replace function solver.resume_turns(p_above integer, p_decided_by text)
  returns integer
  language plpgsql
as $$
begin
  perform pg_advisory_xact_lock(7303, 0);
  return solver.end_step_back(p_above, p_decided_by);
end
$$;

comment on function solver.resume_turns is
  'Lets turns go on although not every shard has reported, with IDs above p_above and above all that are known. '
  'Returns the ID above which they do, null if nothing was to be resumed. Called by operators.';

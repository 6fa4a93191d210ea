create or replace function solver.notice_step_back(p_reason text)
  returns bigint
  language plpgsql
as $$
begin
  -- No turn starts, and none is resumed, at the same time.
  perform pg_advisory_xact_lock(7303, 0);
  insert into solver.step_back (noticed_at, reason)
  select solver.now(), p_reason
  where not solver.is_stepped_back();
  return solver.open_step_back();
end
$$;

comment on function solver.notice_step_back is
  'Stops all turns until it is known what other databases have seen of them; one more reason changes nothing. Returns '
  'the ID of the solver.step_back. Called by solver.beat and solver.report_shard.';

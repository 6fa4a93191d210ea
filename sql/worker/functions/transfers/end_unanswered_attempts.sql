create or replace function worker.end_unanswered_attempts(p_request_ids bigint[])
  returns integer
  language sql
begin atomic
  select worker.fail_transfer_attempts(
    array_agg(a.coordinator_request_id),
    array_agg(null::bigint),
    array_agg('TIMEOUT'::text)
  )
  from worker.transfer_attempt as a
  cross join worker.configuration as c
  where a.coordinator_request_id = any(p_request_ids) and worker.is_unanswered(a, c);
end;

comment on function worker.end_unanswered_attempts is
  'Treats those of the given tries that got no answer until a day after their deadline as timed out, and returns how '
  'many. A PreparedTransfer that comes after all is dismissed. '
  'Called by the scan of transfer attempts, which passes the request IDs of some that are initiated.';

create or replace function worker.end_unanswered_attempts(p_request_ids bigint[])
  returns integer
  language sql
as $$
  select worker.fail_transfer_attempts(
    array_agg(a.coordinator_request_id),
    array_agg(null::bigint),
    array_agg('TIMEOUT'::text)
  )
  from worker.transfer_attempt as a
  cross join worker.configuration as c
  where a.coordinator_request_id = any(p_request_ids)
    and a.failure_code is null
    and a.transfer_id is null
    and a.attempted_at
    + make_interval(secs => worker.transfer_backoff_seconds(c.healthy_max_commit_delay, a.backoff_counter))
    + interval '1 day' < worker.now()
$$;

comment on function worker.end_unanswered_attempts is
  'Treats those of the given tries that got no answer until a day after their deadline as timed out, and returns how '
  'many. A PreparedTransfer that comes after all is dismissed. '
  'Called by the scan of transfer attempts, which passes the request IDs of all that are initiated.';

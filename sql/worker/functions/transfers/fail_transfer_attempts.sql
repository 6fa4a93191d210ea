create or replace function worker.fail_transfer_attempts(
  p_request_ids bigint[],
  p_transfer_ids bigint[],
  p_status_codes text[]
)
  returns integer
  language plpgsql
  -- One index probe a message, however many messages and rows there are, or were when the plan was made.
  set enable_hashjoin = off
  set enable_mergejoin = off
  set enable_seqscan = off
  set jit = off
as $$
declare
  v_wait interval := (select c.healthy_max_commit_delay from worker.configuration as c);
  v_count integer;
  v_fatal_errors text;
  v_unreachable worker.transfer_attempt_key[];
begin
  if coalesce(cardinality(p_request_ids), 0) = 0 then
    return 0;
  end if;
  with failure as (
    select
      f.request_id,
      f.transfer_id,
      f.status_code,
      case f.status_code
        when 'TIMEOUT' then 1
        when 'NEWER_INTEREST_RATE' then 2
        when 'RECIPIENT_IS_UNREACHABLE' then 3
        when 'INSUFFICIENT_AVAILABLE_AMOUNT' then 4
        else 0
      end as failure_code,
      f.status_code in (
        'RECIPIENT_SAME_AS_SENDER', 'TRANSFER_NOTE_IS_TOO_LONG', 'UNEXPECTED_COMMITTED_AMOUNT'
      ) as is_fatal
    from unnest(p_request_ids, p_transfer_ids, p_status_codes) as f (request_id, transfer_id, status_code)
    order by f.request_id
  ),
  failed as (
    update worker.transfer_attempt as a
    set
      failure_code = f.failure_code,
      fatal_error = case when f.is_fatal then f.status_code end,
      rescheduled_for = case
        when f.is_fatal then null
        when f.failure_code = 2 then worker.now() + v_wait
        else a.attempted_at + make_interval(secs => worker.transfer_backoff_seconds(v_wait, a.backoff_counter))
      end,
      backoff_counter = case
        when f.is_fatal or f.failure_code = 2 then a.backoff_counter
        else worker.next_backoff_counter(a.backoff_counter)
      end
    from failure as f
    where a.coordinator_request_id = f.request_id
      and a.failure_code is null
      and a.transfer_id is not distinct from f.transfer_id
    returning a.*
  )
  select
    count(*),
    string_agg(
      format(
        '%s (collector %s, turn %s, debtor %s, recipient %s)',
        f.fatal_error, f.collector_id, f.turn_id, f.debtor_id, f.creditor_id
      ),
      ', '
    ) filter (where f.fatal_error is not null),
    array_agg(
      row(f.collector_id, f.turn_id, f.debtor_id, f.creditor_id, f.is_dispatching)::worker.transfer_attempt_key
    ) filter (where f.failure_code = 3)
  into v_count, v_fatal_errors, v_unreachable
  from failed as f;

  perform worker.send_account_id_requests(v_unreachable);
  if v_fatal_errors is not null then
    raise warning 'transfer attempts failed for good' using detail = left(v_fatal_errors, 1000);
  end if;
  return v_count;
end
$$;

comment on function worker.fail_transfer_attempts is
  'Notes that tries of transfers have definitely failed, with the authority''s status codes, and schedules the next '
  'try, except '
  'after the few errors that no repetition heals. p_transfer_ids: null where the transfer was never prepared. Returns '
  'how many failed. '
  'Called by worker.reject_transfer_attempts, worker.finalize_transfer_attempts and worker.end_unanswered_attempts.';

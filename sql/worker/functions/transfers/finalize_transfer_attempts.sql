create or replace function worker.finalize_transfer_attempts(p_messages jsonb[])
  returns jsonb[]
  language plpgsql
as $$
declare
  v_request_ids bigint[];
  v_transfer_ids bigint[];
  v_status_codes text[];
  v_unclaimed jsonb[];
begin
  with looked_up as materialized (
    select
      m.message,
      m.n,
      x.*,
      case
        when a.collector_id is null then 'unclaimed'
        when a.debtor_id <> x.debtor_id or a.collector_id <> x.creditor_id then 'ignore'
        when a.failure_code is not null or a.transfer_id is distinct from x.transfer_id then 'ignore'
        when x.status_code = 'OK' and x.committed_amount = a.amount then 'succeed'
        else 'fail'
      end as action
    from unnest(p_messages) with ordinality as m (message, n)
    cross join lateral jsonb_to_record(m.message) as x (
      creditor_id bigint, debtor_id bigint, transfer_id bigint, coordinator_id bigint, coordinator_request_id bigint,
      committed_amount bigint, status_code text
    )
    left join worker.transfer_attempt as a
      on a.coordinator_request_id = x.coordinator_request_id
      and a.collector_id = x.coordinator_id
  ),
  succeeded as (
    delete from worker.transfer_attempt as a
    using looked_up as l
    where l.action = 'succeed'
      and a.coordinator_request_id = l.coordinator_request_id
      and a.collector_id = l.coordinator_id
      and a.transfer_id = l.transfer_id
      and a.failure_code is null
  )
  select
    array_agg(l.coordinator_request_id) filter (where l.action = 'fail'),
    array_agg(l.transfer_id) filter (where l.action = 'fail'),
    -- Money has moved, but not as told: never try that again.
    array_agg(case when l.committed_amount = 0 then l.status_code else 'UNEXPECTED_COMMITTED_AMOUNT' end)
      filter (where l.action = 'fail'),
    coalesce(array_agg(l.message order by l.n) filter (where l.action = 'unclaimed'), '{}')
  into v_request_ids, v_transfer_ids, v_status_codes, v_unclaimed
  from looked_up as l;
  perform worker.fail_transfer_attempts(v_request_ids, v_transfer_ids, v_status_codes);
  return v_unclaimed;
end
$$;

comment on function worker.finalize_transfer_attempts is
  'Deletes the transfer attempts that succeeded, reschedules those whose commit failed, and returns the messages that '
  'belong to no attempt. Called by worker.apply_finalized_transfer.';

create or replace function worker.reject_transfer_attempts(p_messages jsonb[])
  returns jsonb[]
  language plpgsql
as $$
declare
  v_request_ids bigint[];
  v_transfer_ids bigint[];
  v_status_codes text[];
  v_unclaimed jsonb[];
begin
  select
    array_agg(x.coordinator_request_id) filter (where f.is_rejected),
    array_agg(null::bigint) filter (where f.is_rejected),
    array_agg(x.status_code) filter (where f.is_rejected),
    coalesce(array_agg(m.message order by m.n) filter (where a.collector_id is null), '{}')
  into v_request_ids, v_transfer_ids, v_status_codes, v_unclaimed
  from unnest(p_messages) with ordinality as m (message, n)
  cross join lateral jsonb_to_record(m.message) as x (
    creditor_id bigint, debtor_id bigint, coordinator_id bigint, coordinator_request_id bigint, status_code text
  )
  left join worker.transfer_attempt as a
    on a.coordinator_request_id = x.coordinator_request_id
    and a.collector_id = x.coordinator_id
  cross join lateral (
    select
      a.debtor_id = x.debtor_id
      and a.collector_id = x.creditor_id
      and a.failure_code is null
      and a.transfer_id is null as is_rejected
  ) as f;
  perform worker.fail_transfer_attempts(v_request_ids, v_transfer_ids, v_status_codes);
  return v_unclaimed;
end
$$;

comment on function worker.reject_transfer_attempts is
  'Reschedules the transfer attempts whose PrepareTransfer was rejected, and returns the messages that belong to no '
  'attempt. Called by worker.apply_rejected_transfer.';

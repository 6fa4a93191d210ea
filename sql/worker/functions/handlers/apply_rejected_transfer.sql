create or replace function worker.apply_rejected_transfer(p_messages jsonb[])
  returns void
  language plpgsql
  -- One index probe a message, however many messages and rows there are, or were when the plan was made.
  set enable_hashjoin = off
  set enable_mergejoin = off
  set enable_seqscan = off
  set jit = off
as $$
declare
  v_deleted integer;
  v_unknown jsonb[];
begin
  with message as materialized (
    select x.*
    from unnest(p_messages) as m (message)
    cross join lateral jsonb_to_record(m.message) as x (
      creditor_id bigint, debtor_id bigint, coordinator_id bigint, coordinator_request_id bigint
    )
    where x.creditor_id = x.coordinator_id
    order by x.creditor_id, x.debtor_id
  ),
  deleted as (
    delete from worker.account_lock as l
    using message as m
    where l.creditor_id = m.coordinator_id
      and l.coordinator_request_id = m.coordinator_request_id
      and l.debtor_id = m.debtor_id
      and l.transfer_id is null
    returning 1
  )
  select count(*) into v_deleted from deleted;
  if v_deleted = cardinality(p_messages) then
    return;
  end if;

  -- A lock in any other state ignores its rejection. Nobody else has its request ID, nor that of a lock just deleted.
  select array_agg(m.message) into v_unknown
  from unnest(p_messages) as m (message)
  cross join lateral jsonb_to_record(m.message) as x (coordinator_id bigint, coordinator_request_id bigint)
  left join worker.account_lock as l
    on l.creditor_id = x.coordinator_id and l.coordinator_request_id = x.coordinator_request_id
  where l.creditor_id is null;
  if v_unknown is not null then
    perform worker.reject_transfer_attempts(v_unknown);
  end if;
end
$$;

comment on function worker.apply_rejected_transfer is
  'Handler of RejectedTransfer: an initiated account lock is deleted; the rest is offered to transfer attempts. '
  'Called by the drain.';

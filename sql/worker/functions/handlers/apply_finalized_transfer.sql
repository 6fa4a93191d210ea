create or replace function worker.apply_finalized_transfer(p_messages jsonb[])
  returns void
  language plpgsql
  -- One index probe a message, however many messages and rows there are, or were when the plan was made.
  set enable_hashjoin = off
  set enable_mergejoin = off
  set enable_seqscan = off
  set jit = off
as $$
declare
  v_turn_ids integer[];
  v_collector_ids bigint[];
  v_debtor_ids bigint[];
  v_payer_ids bigint[];
  v_odd integer;
  v_unknown jsonb[];
begin
  -- G6: a commit that took nothing will never take anything, so the seller is free and the collector is told.
  with message as materialized (
    select x.*
    from unnest(p_messages) as m (message)
    cross join lateral jsonb_to_record(m.message) as x (
      creditor_id bigint, debtor_id bigint, coordinator_id bigint, coordinator_request_id bigint, transfer_id bigint,
      committed_amount bigint
    )
    where x.creditor_id = x.coordinator_id and x.committed_amount = 0
    order by x.creditor_id, x.debtor_id
  ),
  failed as (
    delete from worker.account_lock as l
    using message as m
    where l.creditor_id = m.coordinator_id
      and l.coordinator_request_id = m.coordinator_request_id
      and l.debtor_id = m.debtor_id
      and l.transfer_id = m.transfer_id
      and l.finalized_at is not null
      and l.released_at is null
    returning l.turn_id, l.collector_id, l.debtor_id, l.creditor_id
  )
  select array_agg(f.turn_id), array_agg(f.collector_id), array_agg(f.debtor_id), array_agg(f.creditor_id)
  into v_turn_ids, v_collector_ids, v_debtor_ids, v_payer_ids
  from failed as f;
  if v_turn_ids is not null then
    perform worker.send_unpaid_notices('collecting', v_turn_ids, v_collector_ids, v_debtor_ids, v_payer_ids);
  end if;

  -- Every other lock stays as it is: when the money was taken, the AccountTransfer releases it.
  select
    array_agg(m.message) filter (where l.creditor_id is null),
    count(*) filter (
      where l.creditor_id = x.creditor_id and l.debtor_id = x.debtor_id and l.transfer_id = x.transfer_id
        and l.finalized_at is not null and l.released_at is null
        and (x.status_code <> 'OK' or x.committed_amount <> -l.amount)
    )
  into v_unknown, v_odd
  from unnest(p_messages) as m (message)
  cross join lateral jsonb_to_record(m.message) as x (
    creditor_id bigint, debtor_id bigint, coordinator_id bigint, coordinator_request_id bigint, transfer_id bigint,
    committed_amount bigint, status_code text
  )
  left join worker.account_lock as l
    on l.creditor_id = x.coordinator_id and l.coordinator_request_id = x.coordinator_request_id;
  if v_odd > 0 then
    raise warning 'sellers'' transfers were finalized with another amount than committed'
      using detail = format('%s of %s messages; the locks are kept', v_odd, cardinality(p_messages));
  end if;
  if v_unknown is not null then
    perform worker.finalize_transfer_attempts(v_unknown);
  end if;
end
$$;

comment on function worker.apply_finalized_transfer is
  'Handler of FinalizedTransfer: a settled account lock from which nothing was taken is deleted and its collector '
  'gets a notice; what belongs to no lock is offered to transfer attempts. Called by the drain.';

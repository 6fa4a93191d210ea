create or replace function worker.release_account_locks(p_transfers worker.releasing_transfer[])
  returns void
  language plpgsql
as $$
declare
  v_now timestamptz := worker.now();
begin
  with transfer as materialized (
    -- One payment at most fits a lock: a seller's by its amount, a buyer's the first of any amount.
    select distinct on (x.creditor_id, x.debtor_id, x.turn_id, least(x.acquired_amount, 0))
      x.creditor_id, x.debtor_id, x.turn_id, x.acquired_amount,
      case when is_collector then date '1970-01-01' else x.creation_date end as creation_date,
      case when is_collector then 0 else x.transfer_number end as transfer_number
    from unnest(p_transfers) with ordinality as x (
      creditor_id, debtor_id, turn_id, acquired_amount, creation_date, transfer_number, n
    )
    cross join worker.configuration as c
    cross join lateral (select x.creditor_id between c.min_collector_id and c.max_collector_id as is_collector) as k
    order by x.creditor_id, x.debtor_id, x.turn_id, least(x.acquired_amount, 0), x.n
  ),
  released as (
    update worker.account_lock as l
    set finalized_at = coalesce(l.finalized_at, v_now),
      released_at = v_now,
      paid_amount = t.acquired_amount,
      account_creation_date = t.creation_date,
      account_last_transfer_number = t.transfer_number
    from transfer as t
    where l.creditor_id = t.creditor_id
      and l.debtor_id = t.debtor_id
      and l.turn_id = t.turn_id
      and l.released_at is null
      and (
        t.acquired_amount < 0 and l.amount = t.acquired_amount and l.finalized_at is not null
        or t.acquired_amount > 0 and l.amount > 0 and l.transfer_id is not null and l.finalized_at is null
      )
    returning l.creditor_id, l.debtor_id, l.transfer_id, l.coordinator_request_id, l.collector_id, l.amount
  )
  insert into outbox.finalize_transfer (
    creditor_id, debtor_id, transfer_id, coordinator_id, coordinator_request_id,
    committed_amount, transfer_note_format, transfer_note, ts
  )
  select r.creditor_id, r.debtor_id, r.transfer_id, r.creditor_id, r.coordinator_request_id, 0, '', '', v_now
  from released as r
  where r.amount > 0 and r.collector_id <> r.creditor_id;
end
$$;

comment on function worker.release_account_locks is
  'Ends the trade of sellers that have paid and of buyers that were paid, and dismisses the buyers'' transfers of '
  'zero. p_transfers: in the order of their arrival; collecting ones with a negative, dispatching ones with a positive '
  'amount. Transfers that fit no lock are ignored. Called by '
  'apply_account_transfer.';

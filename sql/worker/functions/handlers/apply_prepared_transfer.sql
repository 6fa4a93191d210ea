create or replace function worker.apply_prepared_transfer(p_messages jsonb[])
  returns void
  language plpgsql
  -- One index probe a message, however many messages and rows there are, or were when the plan was made.
  set enable_hashjoin = off
  set enable_mergejoin = off
  set enable_seqscan = off
  set jit = off
as $$
declare
  v_worst_rate float8 := (select c.min_demurrage_rate from worker.configuration as c);
  v_prepared integer;
  v_unknown jsonb[];
begin
  -- Initiated locks with good terms become prepared, those with bad terms go. Whoever changed a lock meanwhile wins.
  with message as materialized (
    select x.*
    from unnest(p_messages) as m (message)
    cross join lateral jsonb_to_record(m.message) as x (
      creditor_id bigint, debtor_id bigint, coordinator_id bigint, coordinator_request_id bigint, transfer_id bigint,
      locked_amount bigint, demurrage_rate float8, deadline timestamptz
    )
    where x.creditor_id = x.coordinator_id
    order by x.creditor_id, x.debtor_id
  ),
  prepared as (
    update worker.account_lock as l
    set transfer_id = m.transfer_id,
      amount = case
        when l.amount > 0 then l.amount
        else greatest(l.amount, -worker.amount_left(
          m.locked_amount,
          worker.demurrage(m.demurrage_rate, extract(epoch from l.collection_deadline - l.initiated_at)::float8)
        ))
      end
    from message as m
    where l.creditor_id = m.coordinator_id
      and l.coordinator_request_id = m.coordinator_request_id
      and l.debtor_id = m.debtor_id
      and l.transfer_id is null
      and m.deadline >= l.collection_deadline
      and m.demurrage_rate >= v_worst_rate
    returning 1
  ),
  refused as (
    delete from worker.account_lock as l
    using message as m
    where l.creditor_id = m.coordinator_id
      and l.coordinator_request_id = m.coordinator_request_id
      and l.debtor_id = m.debtor_id
      and l.transfer_id is null
      and (m.deadline < l.collection_deadline or m.demurrage_rate < v_worst_rate)
  )
  select count(*) into v_prepared from prepared;
  if v_prepared = cardinality(p_messages) then
    return;
  end if;

  -- All others, seen with the changes made above. A transfer whose lock was refused has become an unknown one.
  with message as materialized (
    select m.message, x.*
    from unnest(p_messages) as m (message)
    cross join lateral jsonb_to_record(m.message) as x (
      creditor_id bigint, debtor_id bigint, coordinator_id bigint, coordinator_request_id bigint, transfer_id bigint
    )
  ),
  found as materialized (
    select
      m.*, l.turn_id, l.collector_id,
      l.creditor_id is null as is_unknown,
      l.finalized_at is not null as is_finalized,
      coalesce(
        l.creditor_id = m.creditor_id and l.debtor_id = m.debtor_id and l.transfer_id = m.transfer_id, false
      ) as is_same,
      case
        when l.finalized_at is not null and l.collector_id <> l.creditor_id then greatest(0, -l.amount)
        else 0
      end as amount
    from message as m
    left join worker.account_lock as l
      on l.creditor_id = m.coordinator_id and l.coordinator_request_id = m.coordinator_request_id
  ),
  repeated as (
    insert into outbox.finalize_transfer (
      creditor_id, debtor_id, transfer_id, coordinator_id, coordinator_request_id,
      committed_amount, transfer_note_format, transfer_note, ts
    )
    select
      f.creditor_id, f.debtor_id, f.transfer_id, f.coordinator_id, f.coordinator_request_id,
      f.amount, '-cXchge', worker.transfer_note('collecting', f.turn_id, f.collector_id, f.creditor_id), worker.now()
    from found as f
    where not f.is_unknown and f.is_same and f.amount > 0
  ),
  dismissed as (
    insert into outbox.finalize_transfer (
      creditor_id, debtor_id, transfer_id, coordinator_id, coordinator_request_id,
      committed_amount, transfer_note_format, transfer_note, ts
    )
    select
      f.creditor_id, f.debtor_id, f.transfer_id, f.coordinator_id, f.coordinator_request_id, 0, '', '', worker.now()
    from found as f
    where not f.is_unknown and (not f.is_same or f.is_finalized and f.amount = 0)
  )
  select array_agg(f.message) into v_unknown from found as f where f.is_unknown;
  if v_unknown is not null then
    perform worker.dismiss_transfers(worker.prepare_transfer_attempts(v_unknown));
  end if;
end
$$;

comment on function worker.apply_prepared_transfer is
  'Handler of PreparedTransfer: offered to account locks, then to transfer attempts; what nobody claims is '
  'dismissed. Called by the drain.';

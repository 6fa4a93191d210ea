create or replace function worker.prepare_transfer_attempts(p_messages jsonb[])
  returns jsonb[]
  language plpgsql
as $$
declare
  v_unclaimed jsonb[];
begin
  with looked_up as materialized (
    select
      m.message,
      m.n,
      x.creditor_id,
      x.debtor_id,
      x.transfer_id,
      x.coordinator_id,
      x.coordinator_request_id,
      a.turn_id,
      a.creditor_id as recipient_id,
      a.is_dispatching,
      a.amount,
      case
        when a.collector_id is null then 'unclaimed'
        when a.debtor_id <> x.debtor_id or a.collector_id <> x.creditor_id then 'dismiss'
        -- Another try may have paid, and been forgotten. One that is prepared and known has not ended.
        when a.held_at is not null and a.transfer_id is distinct from x.transfer_id then 'dismiss'
        when a.failure_code is null and a.transfer_id is null then 'settle'
        when a.failure_code is null and a.transfer_id = x.transfer_id then 'repeat'
        else 'dismiss'
      end as action
    from unnest(p_messages) with ordinality as m (message, n)
    cross join lateral jsonb_to_record(m.message) as x (
      creditor_id bigint, debtor_id bigint, transfer_id bigint, coordinator_id bigint, coordinator_request_id bigint
    )
    left join worker.transfer_attempt as a
      on a.coordinator_request_id = x.coordinator_request_id
      and a.collector_id = x.coordinator_id
  ),
  settled as (
    update worker.transfer_attempt as a
    set transfer_id = l.transfer_id, finalized_at = worker.now()
    from looked_up as l
    where l.action = 'settle'
      and a.coordinator_request_id = l.coordinator_request_id
      and a.collector_id = l.coordinator_id
      and a.failure_code is null
      and a.transfer_id is null
    returning a.collector_id, a.debtor_id, a.transfer_id, a.coordinator_request_id, a.turn_id, a.is_dispatching,
      a.creditor_id as recipient_id, a.amount
  ),
  committed as (
    select s.* from settled as s
    union all
    select
      l.creditor_id, l.debtor_id, l.transfer_id, l.coordinator_request_id, l.turn_id, l.is_dispatching,
      l.recipient_id, l.amount
    from looked_up as l
    where l.action = 'repeat'
  ),
  sent as (
    insert into outbox.finalize_transfer (
      creditor_id, debtor_id, transfer_id, coordinator_id, coordinator_request_id, committed_amount,
      transfer_note_format, transfer_note, ts
    )
    select
      c.collector_id, c.debtor_id, c.transfer_id, c.collector_id, c.coordinator_request_id, c.amount,
      '-cXchge',
      worker.transfer_note(
        case when c.is_dispatching then 'dispatching' else 'sending' end, c.turn_id, c.collector_id, c.recipient_id
      ),
      worker.now()
    from committed as c
    union all
    select
      l.creditor_id, l.debtor_id, l.transfer_id, l.coordinator_id, l.coordinator_request_id, 0, '', '', worker.now()
    from looked_up as l
    where l.action = 'dismiss'
  )
  select array_agg(l.message order by l.n) into v_unclaimed from looked_up as l where l.action = 'unclaimed';
  return coalesce(v_unclaimed, '{}');
end
$$;

comment on function worker.prepare_transfer_attempts is
  'Commits PreparedTransfers of transfer attempts (again, if repeated), dismisses those that do not fit the attempt, '
  'and returns the messages that belong to no attempt. Called by worker.apply_prepared_transfer.';

create or replace function worker.trader_payments(
  p_turn_id integer,
  p_creditor_id bigint,
  p_collector_ids bigint[],
  p_debtor_ids bigint[]
)
  returns table (is_sell boolean, debtor_id bigint, collector_id bigint, state text, amount bigint, since timestamptz)
  language sql
  security definer
  stable
begin atomic
  select
    true, c.debtor_id, c.collector_id, case when c.collected then 'arrived' else 'expected' end, c.amount,
    null::timestamptz
  from unnest(p_collector_ids, p_debtor_ids) as p (collector_id, debtor_id)
  inner join worker.worker_collecting as c
    on c.collector_id = p.collector_id
    and c.turn_id = p_turn_id
    and c.debtor_id = p.debtor_id
    and c.creditor_id = p_creditor_id
  where worker.in_realm(c.key_hash)
  union all
  select
    false,
    p.debtor_id,
    p.collector_id,
    case
      when a.fatal_error is not null then 'failed'
      when a.held_at is not null then 'in doubt'
      when a.attempted_at is not null and a.failure_code is null then 'under way'
      when a.failure_code is not null then 'to be repeated'
      when a.collector_id is not null then 'ordered'
      else 'owed'
    end,
    coalesce(a.amount, d.amount),
    coalesce(a.held_at, a.finalized_at, a.attempted_at, a.inserted_at)
  from unnest(p_collector_ids, p_debtor_ids) as p (collector_id, debtor_id)
  left join worker.worker_dispatching as d
    on d.collector_id = p.collector_id
    and d.turn_id = p_turn_id
    and d.debtor_id = p.debtor_id
    and d.creditor_id = p_creditor_id
  left join worker.transfer_attempt as a
    on a.collector_id = p.collector_id
    and a.turn_id = p_turn_id
    and a.debtor_id = p.debtor_id
    and a.creditor_id = p_creditor_id
    and a.is_dispatching
  where coalesce(d.collector_id, a.collector_id) is not null and worker.in_realm(coalesce(d.key_hash, a.key_hash));
end;

comment on function worker.trader_payments is
  'What collectors (aligned with their currencies) know of the payments from and to a trader in a turn: those of a '
  'seller are expected or have arrived; those to a buyer are owed, ordered, under way, to be repeated, failed or in '
  'doubt, and not there when they were made. Amounts are in tokens, of a payment that was tried after its cut. Called '
  'by the admin API.';

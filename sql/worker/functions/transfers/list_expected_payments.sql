create or replace function worker.list_expected_payments()
  returns setof worker.expected_payment
  language sql
  security definer
  stable
begin atomic
  select row(p.kind, p.collector_id, p.turn_id, p.debtor_id, p.other_id, p.amount)::worker.expected_payment
  from (
    select 'collecting' as kind, c.collector_id, c.turn_id, c.debtor_id, c.creditor_id as other_id, c.amount
    from worker.worker_collecting as c
    where not c.collected and worker.in_realm(c.key_hash)
    union all
    select 'sending', r.to_collector_id, r.turn_id, r.debtor_id, r.from_collector_id, r.expected_amount
    from worker.worker_receiving as r
    where r.received_amount = 0 and worker.in_realm(r.key_hash)
  ) as p
  where worker.may_have_come(p.turn_id, p.collector_id, p.debtor_id)
  order by p.turn_id, p.debtor_id, p.collector_id, p.kind collate "C", p.other_id;
end;

comment on function worker.list_expected_payments is
  'Payments that collectors wait for, and that may have come in the time which this database lost: an operator has to '
  'find out. Their amounts are what is expected. Called by operators and the metrics server.';

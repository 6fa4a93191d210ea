create or replace function worker.send_unpaid_notices(
  p_kind text,
  p_turn_ids integer[],
  p_collector_ids bigint[],
  p_debtor_ids bigint[],
  p_payer_ids bigint[]
)
  returns void
  language sql
begin atomic
  select worker.send_internal(
    'TriggerTransfer',
    array_agg(worker.hash32(n.collector_id)),
    array_agg(jsonb_build_object(
      'type', 'TriggerTransfer',
      'collector_id', n.collector_id,
      'turn_id', n.turn_id,
      'debtor_id', n.debtor_id,
      'creditor_id', n.payer_id,
      'is_dispatching', false,
      'unpaid', p_kind,
      'ts', worker.now()
    ))
  )
  from unnest(p_turn_ids, p_collector_ids, p_debtor_ids, p_payer_ids) as n (turn_id, collector_id, debtor_id, payer_id);
end;

comment on function worker.send_unpaid_notices is
  'Tells collectors that payments they wait for will never come. p_kind: collecting (the payer is a seller) or sending '
  '(the payer is another collector). Aligned arrays; null or empty: does nothing. '
  'Called wherever a promised payment is given up.';

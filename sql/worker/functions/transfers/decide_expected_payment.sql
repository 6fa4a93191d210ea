create or replace function worker.decide_expected_payment(
  p_kind text,
  p_collector_id bigint,
  p_turn_id integer,
  p_debtor_id bigint,
  p_other_id bigint,
  p_has_come boolean,
  p_decided_by text
)
  returns void
  language plpgsql
  security definer
as $$
declare
  v_payment worker.expected_payment;
begin
  select p.* into v_payment
  from worker.list_expected_payments() as p
  where p.kind = p_kind
    and p.collector_id = p_collector_id
    and p.turn_id = p_turn_id
    and p.debtor_id = p_debtor_id
    and p.other_id = p_other_id;
  if not found then
    raise exception using errcode = 'ST088', message = 'no such payment is in doubt here',
      detail = format('turn %s, debtor %s, collector %s, payer %s', p_turn_id, p_debtor_id, p_collector_id, p_other_id),
      hint = 'transfers expected shows all of them; each is in the database of its own shard';
  end if;
  insert into worker.transfer_decision (
    decided_at, decided_by, decision, collector_id, turn_id, debtor_id, creditor_id, is_dispatching
  )
  values (
    worker.now(), p_decided_by, case when p_has_come then 'has come' else 'never came' end,
    p_collector_id, p_turn_id, p_debtor_id, p_other_id, p_kind = 'collecting'
  );
  perform worker.note_action(
    p_decided_by,
    'expected payment: ' || case when p_has_come then 'has come' else 'never came' end,
    jsonb_build_object(
      'turn', p_turn_id, 'debtor_id', p_debtor_id, 'collector_id', p_collector_id, 'payer_id', p_other_id
    )
  );
  if not p_has_come then
    v_payment.amount := null;
  end if;
  perform worker.receive_payments(array[v_payment]);
  perform worker.advance_statuses(array[row(p_collector_id, p_turn_id, p_debtor_id)::worker.dispatching_key]);
end
$$;

comment on function worker.decide_expected_payment is
  'Decides about a payment that may have come in the time which this database lost, for an operator: it has come, as '
  'much as was expected, or never will. The decision is recorded. Fails with ST088 (no such payment here). Called by '
  'operators.';

create or replace function worker.decide_transfer(
  p_collector_id bigint,
  p_turn_id integer,
  p_debtor_id bigint,
  p_creditor_id bigint,
  p_is_dispatching boolean,
  p_decision text,
  p_decided_by text
)
  returns void
  language plpgsql
  security definer
as $$
declare
  v_attempt worker.transfer_attempt;
begin
  select a.* into v_attempt
  from worker.transfer_attempt as a
  where a.collector_id = p_collector_id
    and a.turn_id = p_turn_id
    and a.debtor_id = p_debtor_id
    and a.creditor_id = p_creditor_id
    and a.is_dispatching = p_is_dispatching
    and a.held_at is not null
  for update;
  if not found then
    raise exception using errcode = 'ST088', message = 'no such payment is in doubt here',
      detail = format('turn %s, debtor %s, collector %s, recipient %s',
        p_turn_id, p_debtor_id, p_collector_id, p_creditor_id),
      hint = 'transfers held shows all of them; each is in the database of its own shard';
  end if;
  if p_decision = 'try again' and v_attempt.held_until >= worker.now() then
    raise exception using errcode = 'ST089', message = 'an earlier request for this payment may still be under way',
      detail = format('until %s', v_attempt.held_until),
      hint = 'Wait until then: it would be paid twice.';
  end if;
  insert into worker.transfer_decision (
    decided_at, decided_by, decision, collector_id, turn_id, debtor_id, creditor_id, is_dispatching
  )
  values (
    worker.now(), p_decided_by, p_decision, p_collector_id, p_turn_id, p_debtor_id, p_creditor_id, p_is_dispatching
  );
  perform worker.note_action(
    p_decided_by,
    'payment in doubt: ' || p_decision,
    jsonb_build_object(
      'turn', p_turn_id, 'debtor_id', p_debtor_id, 'collector_id', p_collector_id, 'recipient_id', p_creditor_id
    )
  );
  if p_decision = 'try again' then
    update worker.transfer_attempt as a
    set
      held_at = null,
      held_until = null,
      failure_code = case when a.attempted_at is not null then coalesce(a.failure_code, 1) end,
      rescheduled_for = case when a.fatal_error is null then worker.now() end
    where a.collector_id = p_collector_id
      and a.turn_id = p_turn_id
      and a.debtor_id = p_debtor_id
      and a.creditor_id = p_creditor_id
      and a.is_dispatching = p_is_dispatching;
    return;
  end if;
  delete from worker.transfer_attempt as a
  where a.collector_id = p_collector_id
    and a.turn_id = p_turn_id
    and a.debtor_id = p_debtor_id
    and a.creditor_id = p_creditor_id
    and a.is_dispatching = p_is_dispatching;
  if p_is_dispatching then
    delete from worker.worker_dispatching as w
    where w.collector_id = p_collector_id
      and w.turn_id = p_turn_id
      and w.debtor_id = p_debtor_id
      and w.creditor_id = p_creditor_id;
  else
    delete from worker.worker_sending as w
    where w.from_collector_id = p_collector_id
      and w.turn_id = p_turn_id
      and w.debtor_id = p_debtor_id
      and w.to_collector_id = p_creditor_id;
  end if;
  perform worker.advance_statuses(array[row(p_collector_id, p_turn_id, p_debtor_id)::worker.dispatching_key]);
end
$$;

comment on function worker.decide_transfer is
  'Decides about a payment in doubt, for an operator: paid, or try again; the decision is recorded. Fails with ST088 '
  '(no such payment here) or ST089 (too early). Called by operators.';

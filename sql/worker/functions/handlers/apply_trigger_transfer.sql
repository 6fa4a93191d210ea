create or replace function worker.apply_trigger_transfer(p_messages jsonb[])
  returns void
  language plpgsql
as $$
declare
  v_attempts worker.transfer_attempt_key[];
  v_notices worker.expected_payment[];
begin
  select
    array_agg(
      row(x.collector_id, x.turn_id, x.debtor_id, x.creditor_id, x.is_dispatching)::worker.transfer_attempt_key
    ) filter (where x.unpaid is null),
    array_agg(
      row(x.unpaid, x.collector_id, x.turn_id, x.debtor_id, x.creditor_id, null)::worker.expected_payment
    ) filter (where x.unpaid is not null)
  into v_attempts, v_notices
  from unnest(p_messages) as m (message)
  cross join lateral jsonb_to_record(m.message) as x (
    collector_id bigint, turn_id integer, debtor_id bigint, creditor_id bigint, is_dispatching boolean, unpaid text,
    transfer_kind integer
  )
  -- Nothing here moves surpluses; the other columns may be those of a sending.
  where x.transfer_kind is distinct from 2;
  if v_attempts is not null then
    perform worker.trigger_transfers(v_attempts);
    perform worker.deny_payments(v_attempts);
  end if;
  if v_notices is not null then
    perform worker.receive_payments(v_notices);
    perform worker.advance_statuses(array_agg(k.status))
    from (
      select distinct row(n.collector_id, n.turn_id, n.debtor_id)::worker.dispatching_key as status
      from unnest(v_notices) as n
    ) as k;
  end if;
end
$$;

comment on function worker.apply_trigger_transfer is
  'Handles TriggerTransfer: the time for a transfer attempt has come, or another shard asks for it, or (with "unpaid") '
  'a payment that a collector waits for will never come. Called by the drain.';

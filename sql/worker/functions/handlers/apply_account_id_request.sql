create or replace function worker.apply_account_id_request(p_messages jsonb[])
  returns void
  language sql
  -- One index probe a message, however many messages and rows there are, or were when the plan was made.
  set enable_hashjoin = off
  set enable_mergejoin = off
  set enable_seqscan = off
  set jit = off
begin atomic
  select worker.send_internal(
    'AccountIdResponse',
    array_agg(worker.hash32(x.collector_id)),
    array_agg(jsonb_build_object(
      'type', 'AccountIdResponse',
      'collector_id', x.collector_id,
      'turn_id', x.turn_id,
      'debtor_id', x.debtor_id,
      'creditor_id', x.creditor_id,
      'is_dispatching', x.is_dispatching,
      'account_id', coalesce(p.account_id, w.account_id, ''),
      'account_id_version', case
        when p.account_id is not null then p.latest_ledger_update_id
        when w.account_id is not null then w.creation_date - date '1970-01-01'
        else -9223372036854775808
      end,
      'ts', worker.now()
    ) || case when x.transfer_kind is null then '{}' else jsonb_build_object('transfer_kind', x.transfer_kind) end)
  )
  from unnest(p_messages) as m (message)
  cross join lateral jsonb_to_record(m.message) as x (
    collector_id bigint, turn_id integer, debtor_id bigint, creditor_id bigint, is_dispatching boolean,
    transfer_kind integer
  )
  left join worker.trading_policy as p
    on p.creditor_id = x.creditor_id
    and p.debtor_id = x.debtor_id
    and p.account_id <> ''
  left join worker.worker_account as w
    on w.creditor_id = x.creditor_id
    and w.debtor_id = x.debtor_id
    and w.account_id <> '';

  select worker.reopen_accounts(p_messages);
end;

comment on function worker.apply_account_id_request is
  'Answers AccountIdRequest, also one for moving a surplus, with the account ID of a customer or of a collector of '
  'this shard; empty if unknown, and then an account that vanished is asked for, so that a later answer knows it. '
  'Called by the drain.';

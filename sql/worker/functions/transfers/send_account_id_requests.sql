create or replace function worker.send_account_id_requests(p_attempts worker.transfer_attempt_key[])
  returns void
  language sql
begin atomic
  select worker.send_internal(
    'AccountIdRequest',
    array_agg(worker.hash32(a.creditor_id)),
    array_agg(jsonb_build_object(
      'type', 'AccountIdRequest',
      'collector_id', a.collector_id,
      'turn_id', a.turn_id,
      'debtor_id', a.debtor_id,
      'creditor_id', a.creditor_id,
      'is_dispatching', a.is_dispatching,
      'ts', worker.now()
    ))
  )
  from unnest(p_attempts) as a;
end;

comment on function worker.send_account_id_requests is
  'Asks the shards of the recipients of transfer attempts for their account IDs. Null or empty: does nothing. '
  'Called by the functions that create, trigger and fail attempts.';

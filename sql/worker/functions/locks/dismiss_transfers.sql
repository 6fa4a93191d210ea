create or replace function worker.dismiss_transfers(p_messages jsonb[])
  returns void
  language sql
begin atomic
  insert into outbox.finalize_transfer (
    creditor_id, debtor_id, transfer_id, coordinator_id, coordinator_request_id,
    committed_amount, transfer_note_format, transfer_note, ts
  )
  select
    x.creditor_id, x.debtor_id, x.transfer_id, x.coordinator_id, x.coordinator_request_id, 0, '', '', worker.now()
  from unnest(p_messages) as m (message)
  cross join lateral jsonb_to_record(m.message) as x (
    creditor_id bigint, debtor_id bigint, transfer_id bigint, coordinator_id bigint, coordinator_request_id bigint
  );
end;

comment on function worker.dismiss_transfers is
  'Dismisses the transfers of PreparedTransfer messages (null: none). Called by apply_prepared_transfer for those '
  'that nobody knows.';

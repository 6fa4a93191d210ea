create or replace function worker.note_accounts()
  returns void
  language sql
begin atomic
  insert into worker.account_at_step_back (
    creditor_id, debtor_id, noticed_at, creation_date, known_transfer_number, surplus
  )
  select
    a.creditor_id,
    a.debtor_id,
    worker.now(),
    a.creation_date,
    greatest(a.seen_transfer_number, a.last_transfer_number),
    case when a.seen_transfer_number <= a.last_transfer_number then
      worker.clamp64(greatest(worker.spare_tokens(a), 0))
    end
  from worker.worker_account as a
  where worker.in_realm(a.key_hash)
  order by a.creditor_id, a.debtor_id
  -- An earlier step back is not explained yet: what was known before it still counts.
  on conflict do nothing;
end;

comment on function worker.note_accounts is
  'Notes what this database knows of its collector accounts, so that it can be compared with what their authorities '
  'will say. Called by notice_step_back.';

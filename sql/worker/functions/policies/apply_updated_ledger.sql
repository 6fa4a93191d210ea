create or replace function worker.apply_updated_ledger(p_messages jsonb[])
  returns void
  language sql
as $$
  insert into worker.trading_policy as p (
    creditor_id,
    debtor_id,
    latest_ledger_update_id,
    latest_ledger_update_ts,
    account_id,
    creation_date,
    principal,
    last_transfer_number
  )
  select
    m.creditor_id,
    m.debtor_id,
    nullif(m.update_id, 0),  -- 0 stands for "no update yet"; a null fails
    m.ts,
    m.account_id,
    m.creation_date,
    m.principal,
    m.last_transfer_number
  from unnest(p_messages) as u(message)
  cross join lateral jsonb_to_record(u.message) as m(
    creditor_id bigint,
    debtor_id bigint,
    update_id bigint,
    ts timestamptz,
    account_id text,
    creation_date date,
    principal bigint,
    last_transfer_number bigint
  )
  order by m.creditor_id, m.debtor_id
  on conflict (creditor_id, debtor_id) do update set
    latest_ledger_update_id = excluded.latest_ledger_update_id,
    latest_ledger_update_ts = excluded.latest_ledger_update_ts,
    -- An account that lost its ID may still get late payments, so the last known one stays.
    account_id = case when excluded.account_id = '' then p.account_id else excluded.account_id end,
    account_id_is_obsolete = excluded.account_id = '' and p.latest_ledger_update_id > 0,
    creation_date = excluded.creation_date,
    principal = excluded.principal,
    last_transfer_number = excluded.last_transfer_number
  where p.latest_ledger_update_id < excluded.latest_ledger_update_id
$$;

comment on function worker.apply_updated_ledger is
  'Stores what UpdatedLedger messages say of customers'' accounts, unless a newer update is known. '
  'Called by apply_messages.';

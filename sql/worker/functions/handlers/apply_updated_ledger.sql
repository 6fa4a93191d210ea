create or replace function worker.apply_updated_ledger(p_messages jsonb[])
  returns void
  language plpgsql
  -- One index probe a message, however many messages and rows there are, or were when the plan was made.
  set enable_hashjoin = off
  set enable_mergejoin = off
  set enable_seqscan = off
  set jit = off
as $$
begin
  -- Most accounts are known, and to find that out by "on conflict" takes longer.
  merge into worker.trading_policy as p
  using (
    select
      r.*,
      nullif(r.update_id, 0) as valid_update_id  -- 0 stands for "no update yet"; a null fails
    from unnest(p_messages) as u (message)
    cross join lateral jsonb_to_record(u.message) as r (
      creditor_id bigint,
      debtor_id bigint,
      update_id bigint,
      ts timestamptz,
      account_id text,
      creation_date date,
      principal bigint,
      last_transfer_number bigint
    )
    order by r.creditor_id, r.debtor_id
  ) as m
    on p.creditor_id = m.creditor_id and p.debtor_id = m.debtor_id
  when matched and p.latest_ledger_update_id >= m.valid_update_id then do nothing
  when matched then update set
    latest_ledger_update_id = m.valid_update_id,
    latest_ledger_update_ts = least(m.ts, worker.now()),
    -- An account that lost its ID may still get late payments, so the last known one stays.
    account_id = case when m.account_id = '' then p.account_id else m.account_id end,
    account_id_is_obsolete = m.account_id = '' and p.latest_ledger_update_id > 0,
    creation_date = m.creation_date,
    principal = m.principal,
    last_transfer_number = m.last_transfer_number
  when not matched then insert (
    creditor_id,
    debtor_id,
    latest_ledger_update_id,
    latest_ledger_update_ts,
    account_id,
    creation_date,
    principal,
    last_transfer_number
  )
  values (
    m.creditor_id,
    m.debtor_id,
    m.valid_update_id,
    least(m.ts, worker.now()),
    m.account_id,
    m.creation_date,
    m.principal,
    m.last_transfer_number
  );
end
$$;

comment on function worker.apply_updated_ledger is
  'Stores what UpdatedLedger messages say of customers'' accounts, unless a newer update is known. '
  'Called by apply_messages.';

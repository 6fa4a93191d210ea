create or replace function worker.apply_updated_policy(p_messages jsonb[])
  returns void
  language sql
as $$
  insert into worker.trading_policy as p (
    creditor_id,
    debtor_id,
    latest_policy_update_id,
    latest_policy_update_ts,
    policy_name,
    min_principal,
    max_principal,
    peg_debtor_id,
    peg_exchange_rate
  )
  select
    m.creditor_id,
    m.debtor_id,
    nullif(m.update_id, 0),  -- 0 stands for "no update yet"; a null fails
    m.ts,
    m.policy_name,
    m.min_principal,
    m.max_principal,
    m.peg_debtor_id,
    m.peg_exchange_rate
  from unnest(p_messages) as u(message)
  cross join lateral jsonb_to_record(u.message) as m(
    creditor_id bigint,
    debtor_id bigint,
    update_id bigint,
    ts timestamptz,
    policy_name text,
    min_principal bigint,
    max_principal bigint,
    peg_debtor_id bigint,
    peg_exchange_rate float8
  )
  order by m.creditor_id, m.debtor_id
  on conflict (creditor_id, debtor_id) do update set
    latest_policy_update_id = excluded.latest_policy_update_id,
    latest_policy_update_ts = excluded.latest_policy_update_ts,
    policy_name = excluded.policy_name,
    min_principal = excluded.min_principal,
    max_principal = excluded.max_principal,
    peg_debtor_id = excluded.peg_debtor_id,
    peg_exchange_rate = excluded.peg_exchange_rate
  where p.latest_policy_update_id < excluded.latest_policy_update_id
$$;

comment on function worker.apply_updated_policy is
  'Stores the wishes that UpdatedPolicy messages announce, unless a newer update is known. Called by apply_messages.';

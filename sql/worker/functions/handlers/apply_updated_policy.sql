create or replace function worker.apply_updated_policy(p_messages jsonb[])
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
      policy_name text,
      min_principal bigint,
      max_principal bigint,
      peg_debtor_id bigint,
      peg_exchange_rate float8
    )
    order by r.creditor_id, r.debtor_id
  ) as m
    on p.creditor_id = m.creditor_id and p.debtor_id = m.debtor_id
  when matched and p.latest_policy_update_id >= m.valid_update_id then do nothing
  when matched then update set
    latest_policy_update_id = m.valid_update_id,
    latest_policy_update_ts = least(m.ts, worker.now()),
    policy_name = m.policy_name,
    min_principal = m.min_principal,
    max_principal = m.max_principal,
    peg_debtor_id = m.peg_debtor_id,
    peg_exchange_rate = m.peg_exchange_rate
  when not matched then insert (
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
  values (
    m.creditor_id,
    m.debtor_id,
    m.valid_update_id,
    least(m.ts, worker.now()),
    m.policy_name,
    m.min_principal,
    m.max_principal,
    m.peg_debtor_id,
    m.peg_exchange_rate
  );
end
$$;

comment on function worker.apply_updated_policy is
  'Stores the wishes that UpdatedPolicy messages announce, unless a newer update is known. Called by apply_messages.';

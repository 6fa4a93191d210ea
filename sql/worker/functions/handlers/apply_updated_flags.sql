create or replace function worker.apply_updated_flags(p_messages jsonb[])
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
      config_flags integer
    )
    order by r.creditor_id, r.debtor_id
  ) as m
    on p.creditor_id = m.creditor_id and p.debtor_id = m.debtor_id
  when matched and p.latest_flags_update_id >= m.valid_update_id then do nothing
  when matched then update set
    latest_flags_update_id = m.valid_update_id,
    latest_flags_update_ts = least(m.ts, worker.now()),
    config_flags = m.config_flags
  when not matched then insert (
    creditor_id,
    debtor_id,
    latest_flags_update_id,
    latest_flags_update_ts,
    config_flags
  )
  values (
    m.creditor_id,
    m.debtor_id,
    m.valid_update_id,
    least(m.ts, worker.now()),
    m.config_flags
  );
end
$$;

comment on function worker.apply_updated_flags is
  'Stores the configuration flags that UpdatedFlags messages announce, unless a newer update is known. '
  'Called by apply_messages.';

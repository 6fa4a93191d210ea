create or replace function worker.apply_updated_flags(p_messages jsonb[])
  returns void
  language sql
as $$
  insert into worker.trading_policy as p (
    creditor_id,
    debtor_id,
    latest_flags_update_id,
    latest_flags_update_ts,
    config_flags
  )
  select
    m.creditor_id,
    m.debtor_id,
    nullif(m.update_id, 0),  -- 0 stands for "no update yet"; a null fails
    m.ts,
    m.config_flags
  from unnest(p_messages) as u(message)
  cross join lateral jsonb_to_record(u.message) as m(
    creditor_id bigint,
    debtor_id bigint,
    update_id bigint,
    ts timestamptz,
    config_flags integer
  )
  order by m.creditor_id, m.debtor_id
  on conflict (creditor_id, debtor_id) do update set
    latest_flags_update_id = excluded.latest_flags_update_id,
    latest_flags_update_ts = excluded.latest_flags_update_ts,
    config_flags = excluded.config_flags
  where p.latest_flags_update_id < excluded.latest_flags_update_id
$$;

comment on function worker.apply_updated_flags is
  'Stores the configuration flags that UpdatedFlags messages announce, unless a newer update is known. '
  'Called by apply_messages.';

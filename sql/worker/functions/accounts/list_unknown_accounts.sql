create or replace function worker.list_unknown_accounts(p_updates worker.account_update[])
  returns void
  language plpgsql
as $$
declare
  v_ignored text;
begin
  delete from worker.unknown_account as k
  using unnest(p_updates) as u
  where
    k.creditor_id = u.creditor_id
    and k.debtor_id = u.debtor_id
    and (u.is_needed or u.is_released or u.is_discarded);

  with reported as (
    select
      u.*,
      k.creditor_id is null as is_new,
      row_number() over (partition by u.debtor_id, k.creditor_id is null order by u.creditor_id) as position
    from unnest(p_updates) as u
    cross join worker.configuration as c
    left join worker.unknown_account as k using (creditor_id, debtor_id)
    where
      not (u.is_needed or u.is_released or u.is_discarded)
      and u.creditor_id between c.min_collector_id and c.max_collector_id
  ),
  accepted as (
    -- Whoever invents accounts fills neither the disk nor the lists of other currencies.
    select r.*
    from reported as r
    where
      not r.is_new
      or r.position + (select count(*) from worker.unknown_account as k where k.debtor_id = r.debtor_id) <= 100
  ),
  stored as (
    insert into worker.unknown_account as k (
      creditor_id,
      debtor_id,
      creation_date,
      last_change_ts,
      principal,
      interest,
      account_id,
      last_config_ts,
      config_flags,
      negligible_amount,
      first_reported_at,
      reported_at
    )
    select
      a.creditor_id,
      a.debtor_id,
      a.creation_date,
      a.last_change_ts,
      a.principal,
      a.interest,
      a.account_id,
      a.last_config_ts,
      a.config_flags,
      a.negligible_amount,
      worker.now(),
      worker.now()
    from accepted as a
    order by a.creditor_id, a.debtor_id
    on conflict (creditor_id, debtor_id) do update set
      creation_date = excluded.creation_date,
      last_change_ts = excluded.last_change_ts,
      principal = excluded.principal,
      interest = excluded.interest,
      account_id = excluded.account_id,
      last_config_ts = excluded.last_config_ts,
      config_flags = excluded.config_flags,
      negligible_amount = excluded.negligible_amount,
      reported_at = excluded.reported_at
    where (k.creation_date, k.last_change_ts) <= (excluded.creation_date, excluded.last_change_ts)
  )
  select string_agg(format('%s/%s', r.creditor_id, r.debtor_id), ', ') into v_ignored
  from reported as r
  where not exists (
    select from accepted as a
    where a.creditor_id = r.creditor_id and a.debtor_id = r.debtor_id
  );
  if v_ignored is not null then
    raise warning 'unknown accounts of currencies that have a hundred of them already (creditor/debtor): %',
      left(v_ignored, 1000);
  end if;
end
$$;

comment on function worker.list_unknown_accounts is
  'Lists accounts with IDs of collectors that nobody asked for, so that the poll of collectors decides about them; '
  'those that are needed, or being deleted, leave the list. At most 100 a currency. Called by apply_account_update.';

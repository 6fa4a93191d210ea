create or replace function worker.apply_confirm_debtor(p_messages jsonb[])
  returns void
  language plpgsql
as $$
declare
  v_key_hashes integer[];
  v_messages jsonb[];
begin
  with confirmed as (
    insert into worker.debtor_locator_claim as l (
      debtor_id,
      debtor_info_locator,
      latest_locator_fetch_at,
      latest_discovery_fetch_at,
      latest_confirmation_ts
    )
    select
      m.debtor_id,
      m.debtor_info_locator,
      worker.now(),
      worker.now(),
      least(m.ts, worker.now())
    from unnest(p_messages) as u(message)
    cross join lateral jsonb_to_record(u.message) as m(debtor_id bigint, debtor_info_locator text, ts timestamptz)
    cross join worker.configuration as c
    where m.ts >= worker.now() - c.extreme_message_delay and m.debtor_id <> 0
    order by m.debtor_id
    on conflict (debtor_id) do update set
      debtor_info_locator = excluded.debtor_info_locator,
      latest_locator_fetch_at = excluded.latest_locator_fetch_at,
      latest_confirmation_ts = excluded.latest_confirmation_ts
    where l.latest_confirmation_ts is null
      or l.latest_confirmation_ts <= excluded.latest_confirmation_ts
      or l.latest_confirmation_ts > worker.latest_credible_moment()
    returning l.debtor_id, l.debtor_info_locator
  )
  select
    array_agg(worker.hash32(c.debtor_info_locator) order by c.debtor_id),
    array_agg(worker.fetch_message(c.debtor_info_locator, c.debtor_id, true, null, 0) order by c.debtor_id)
  into v_key_hashes, v_messages
  from confirmed as c;
  perform worker.send_internal('FetchDebtorInfo', v_key_hashes, v_messages);
end
$$;

comment on function worker.apply_confirm_debtor is
  'Trusts the locators that debtors claim, and has the documents there fetched. Messages that are too late or '
  'older than the newest confirmation are ignored; none is newer than its arrival. Called by apply_messages.';

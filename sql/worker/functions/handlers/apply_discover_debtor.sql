create or replace function worker.apply_discover_debtor(p_messages jsonb[])
  returns void
  language plpgsql
as $$
declare
  v_key_hashes integer[];
  v_messages jsonb[];
begin
  perform from worker.debtor_locator_claim as c
  inner join (
    select (u.message -> 'debtor_id')::bigint as debtor_id from unnest(p_messages) as u(message)
  ) as m using (debtor_id)
  order by c.debtor_id
  for update of c;

  with wanted as materialized (
    select
      m.debtor_id,
      m.iri,
      l.debtor_info_locator,
      l.debtor_id is not null as is_known,
      f.is_forced,
      l.debtor_info_locator is not null
      and (f.is_forced or worker.is_before(l.latest_locator_fetch_at, p.fetched_too_early)) as is_refetched,
      worker.is_before(
        l.latest_discovery_fetch_at, worker.now() - c.locator_claim_expiry - interval '1 hour'
      ) as is_discovered
    from unnest(p_messages) as u(message)
    cross join lateral jsonb_to_record(u.message) as m(debtor_id bigint, iri text, force_locator_refetch boolean)
    cross join worker.configuration as c
    -- Fetches are a little late at times; without slack a weekly heartbeat would miss every second refetch.
    cross join lateral (select worker.now() - c.debtor_info_expiry - interval '1 hour' as fetched_too_early) as p
    left join worker.debtor_locator_claim as l using (debtor_id)
    cross join lateral (
      select
        m.force_locator_refetch
        and l.debtor_info_locator is not null
        and worker.is_before(l.forced_locator_refetch_at, p.fetched_too_early) as is_forced
    ) as f
    where m.debtor_id <> 0
  ),
  created as (
    insert into worker.debtor_locator_claim (debtor_id, latest_discovery_fetch_at)
    select
      w.debtor_id,
      worker.now()
    from wanted as w
    where not w.is_known
    order by w.debtor_id
    on conflict (debtor_id) do nothing
  ),
  changed as (
    update worker.debtor_locator_claim as l set
      latest_locator_fetch_at = case when w.is_refetched then worker.now() else l.latest_locator_fetch_at end,
      forced_locator_refetch_at = case when w.is_forced then worker.now() else l.forced_locator_refetch_at end,
      latest_discovery_fetch_at = case when w.is_discovered then worker.now() else l.latest_discovery_fetch_at end
    from wanted as w
    where l.debtor_id = w.debtor_id and w.is_known and (w.is_refetched or w.is_discovered)
  ),
  ordered as (
    select
      w.debtor_info_locator as iri,
      worker.fetch_message(
        w.debtor_info_locator, w.debtor_id, true, case when w.is_forced then w.iri end, 0
      ) as message
    from wanted as w
    where w.is_refetched
    union all
    select
      w.iri,
      worker.fetch_message(w.iri, w.debtor_id, false, null, 0)
    from wanted as w
    where w.is_discovered
  )
  select
    array_agg(worker.hash32(o.iri)),
    array_agg(o.message)
  into v_key_hashes, v_messages
  from ordered as o;
  perform worker.send_internal('FetchDebtorInfo', v_key_hashes, v_messages);
end
$$;

comment on function worker.apply_discover_debtor is
  'Has the documents of debtors fetched, as often as the age of what is known asks for: the official document '
  'from its locator, and less often the address that the debtor''s authority reported, to learn the locator. '
  'Called by apply_messages.';

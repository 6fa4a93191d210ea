create or replace function worker.apply_fetch_debtor_info(p_messages jsonb[])
  returns void
  language sql
as $$
  insert into worker.debtor_info_fetch as f (
    iri,
    debtor_id,
    is_locator_fetch,
    is_discovery_fetch,
    forced_iri,
    recursion_level,
    inserted_at,
    next_attempt_at
  )
  select
    m.iri,
    m.debtor_id,
    m.is_locator_fetch,
    m.is_discovery_fetch,
    nullif(m.forced_iri, ''),
    m.recursion_level,
    worker.now(),
    worker.now()
  from unnest(p_messages) as u(message)
  cross join lateral jsonb_to_record(u.message) as m(
    iri text,
    debtor_id bigint,
    is_locator_fetch boolean,
    is_discovery_fetch boolean,
    forced_iri text,
    recursion_level smallint
  )
  order by m.iri, m.debtor_id
  on conflict (iri, debtor_id) do update set
    is_locator_fetch = f.is_locator_fetch or excluded.is_locator_fetch,
    is_discovery_fetch = f.is_discovery_fetch or excluded.is_discovery_fetch,
    forced_iri = coalesce(excluded.forced_iri, f.forced_iri),
    recursion_level = least(f.recursion_level, excluded.recursion_level)
$$;

comment on function worker.apply_fetch_debtor_info is
  'Schedules HTTP requests for debtor info documents, or adds wishes to the ones already scheduled. Called by '
  'apply_messages.';

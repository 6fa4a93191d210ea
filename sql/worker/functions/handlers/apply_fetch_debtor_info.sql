create or replace function worker.apply_fetch_debtor_info(p_messages jsonb[])
  returns void
  language sql
begin atomic
  insert into worker.debtor_info_fetch as f (
    iri,
    debtor_id,
    is_locator_fetch,
    is_discovery_fetch,
    is_past_cache,
    recursion_level,
    scheduled_at,
    next_attempt_at
  )
  select
    m.iri,
    m.debtor_id,
    m.is_locator_fetch,
    m.is_discovery_fetch,
    nullif(m.forced_iri, '') is not null,
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
  order by m.iri collate "C", m.debtor_id
  on conflict (iri, debtor_id, looks_for_move) do update set
    is_locator_fetch = f.is_locator_fetch or excluded.is_locator_fetch,
    is_discovery_fetch = f.is_discovery_fetch or excluded.is_discovery_fetch,
    is_past_cache = f.is_past_cache or excluded.is_past_cache,
    recursion_level = least(f.recursion_level, excluded.recursion_level),
    -- A request that is under way may bring what was there before the change.
    leased_url = case when not excluded.is_past_cache then f.leased_url end;

  -- Not in one statement with the first: servers write two `excluded` of one statement down so that no dump of it can
  -- be restored.
  insert into worker.debtor_info_fetch as f (iri, debtor_id, forced_iri, scheduled_at, next_attempt_at)
  select
    m.iri,
    m.debtor_id,
    m.forced_iri,
    worker.now(),
    worker.now()
  from unnest(p_messages) as u(message)
  cross join lateral jsonb_to_record(u.message) as m(iri text, debtor_id bigint, forced_iri text)
  where m.forced_iri <> ''
  order by m.iri collate "C", m.debtor_id
  on conflict (iri, debtor_id, looks_for_move) do update set forced_iri = excluded.forced_iri;
end;

comment on function worker.apply_fetch_debtor_info is
  'Schedules HTTP requests for debtor info documents, or adds wishes to the ones already scheduled. A forced IRI makes '
  'two of one: iri is read past what is stored, and the forced IRI only to learn of a move. Called by '
  'apply_messages.';

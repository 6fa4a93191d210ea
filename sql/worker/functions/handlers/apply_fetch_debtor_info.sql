create or replace function worker.apply_fetch_debtor_info(p_messages jsonb[])
  returns void
  language sql
as $$
  with wanted as (
    select
      m.iri,
      m.debtor_id,
      m.is_locator_fetch,
      m.is_discovery_fetch,
      nullif(m.forced_iri, '') as forced_iri,
      m.recursion_level
    from unnest(p_messages) as u(message)
    cross join lateral jsonb_to_record(u.message) as m(
      iri text,
      debtor_id bigint,
      is_locator_fetch boolean,
      is_discovery_fetch boolean,
      forced_iri text,
      recursion_level smallint
    )
  ),
  read as (
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
      w.iri,
      w.debtor_id,
      w.is_locator_fetch,
      w.is_discovery_fetch,
      w.forced_iri is not null,
      w.recursion_level,
      worker.now(),
      worker.now()
    from wanted as w
    order by w.iri, w.debtor_id
    on conflict (iri, debtor_id, looks_for_move) do update set
      is_locator_fetch = f.is_locator_fetch or excluded.is_locator_fetch,
      is_discovery_fetch = f.is_discovery_fetch or excluded.is_discovery_fetch,
      is_past_cache = f.is_past_cache or excluded.is_past_cache,
      recursion_level = least(f.recursion_level, excluded.recursion_level),
      -- A request that is under way may bring what was there before the change.
      leased_url = case when not excluded.is_past_cache then f.leased_url end
  )
  insert into worker.debtor_info_fetch as f (iri, debtor_id, forced_iri, scheduled_at, next_attempt_at)
  select
    w.iri,
    w.debtor_id,
    w.forced_iri,
    worker.now(),
    worker.now()
  from wanted as w
  where w.forced_iri is not null
  order by w.iri, w.debtor_id
  on conflict (iri, debtor_id, looks_for_move) do update set forced_iri = excluded.forced_iri
$$;

comment on function worker.apply_fetch_debtor_info is
  'Schedules HTTP requests for debtor info documents, or adds wishes to the ones already scheduled. A forced IRI makes '
  'two of one: iri is read past what is stored, and the forced IRI only to learn of a move. Called by '
  'apply_messages.';

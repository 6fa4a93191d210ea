create or replace function worker.settle_fetches(p_settled jsonb[])
  returns void
  language plpgsql
as $$
declare
  v_confirmation_hashes integer[];
  v_confirmations jsonb[];
  v_document_hashes integer[];
  v_documents jsonb[];
  v_fetch_hashes integer[];
  v_fetches jsonb[];
begin
  with settled as (
    select
      m.iri,
      m.debtor_id,
      m.looks_for_move,
      m.is_cached,
      d.debtor_id as actual_debtor_id,
      d.debtor_info_locator,
      d.peg_debtor_info_locator,
      d.peg_debtor_id,
      d.peg_exchange_rate,
      d.will_not_change_until,
      d.name,
      d.abbreviation
    from unnest(p_settled) as u(settled)
    cross join lateral jsonb_to_record(u.settled) as m(
      iri text,
      debtor_id bigint,
      looks_for_move boolean,
      is_cached boolean,
      document jsonb
    )
    cross join lateral jsonb_to_record(m.document) as d(
      debtor_info_locator text,
      debtor_id bigint,
      peg_debtor_info_locator text,
      peg_debtor_id bigint,
      peg_exchange_rate float8,
      will_not_change_until timestamptz,
      name text,
      abbreviation text
    )
  ),
  done as (
    delete from worker.debtor_info_fetch as f
    using settled as s
    where f.iri = s.iri and f.debtor_id = s.debtor_id and f.looks_for_move = s.looks_for_move
    returning
      s.*,
      f.recursion_level,
      f.is_discovery_fetch,
      -- Only what was read from a locator can be the document there; what a forced IRI has is worth no more than a hint.
      f.is_locator_fetch and f.iri = s.debtor_info_locator as is_official,
      f.looks_for_move and f.iri <> s.debtor_info_locator as has_moved
  ),
  result as (
    select
      d.*,
      d.actual_debtor_id <> 0
      and d.debtor_id = d.actual_debtor_id
      and (d.is_discovery_fetch or d.has_moved) as is_confirmed,
      -- Whoever owns the address says whose document is there, also to those who looked for another debtor's.
      d.actual_debtor_id <> 0 and d.is_official and not d.is_cached as is_stored,
      d.is_official
      and d.debtor_id = d.actual_debtor_id
      and d.peg_debtor_id <> 0
      and d.recursion_level < c.max_distance_to_base as leads_to_peg
    from done as d
    cross join worker.configuration as c
  )
  select
    array_agg(worker.hash32(r.debtor_id) order by r.iri collate "C", r.debtor_id, r.looks_for_move) filter (where r.is_confirmed),
    array_agg(
      jsonb_build_object(
        'type', 'ConfirmDebtor',
        'debtor_id', r.debtor_id,
        'debtor_info_locator', r.debtor_info_locator,
        'ts', worker.now()
      )
      order by r.iri collate "C", r.debtor_id, r.looks_for_move
    ) filter (where r.is_confirmed),
    array_agg(worker.hash32(r.debtor_info_locator) order by r.iri collate "C", r.debtor_id, r.looks_for_move) filter (where r.is_stored),
    array_agg(
      jsonb_build_object(
        'type', 'StoreDocument',
        'debtor_info_locator', r.debtor_info_locator,
        'debtor_id', r.actual_debtor_id,
        'peg_debtor_info_locator', r.peg_debtor_info_locator,
        'peg_debtor_id', r.peg_debtor_id,
        'peg_exchange_rate', r.peg_exchange_rate,
        'will_not_change_until', r.will_not_change_until,
        'ts', worker.now()
      )
      -- What others may not know of is sent only if there is some.
      || jsonb_strip_nulls(jsonb_build_object('name', r.name, 'abbreviation', r.abbreviation))
      order by r.iri collate "C", r.debtor_id, r.looks_for_move
    ) filter (where r.is_stored),
    array_agg(worker.hash32(r.peg_debtor_info_locator) order by r.iri collate "C", r.debtor_id, r.looks_for_move) filter (where r.leads_to_peg),
    array_agg(
      worker.fetch_message(r.peg_debtor_info_locator, r.peg_debtor_id, true, null, r.recursion_level + 1)
      order by r.iri collate "C", r.debtor_id, r.looks_for_move
    ) filter (where r.leads_to_peg)
  into v_confirmation_hashes, v_confirmations, v_document_hashes, v_documents, v_fetch_hashes, v_fetches
  from result as r;

  perform worker.send_internal('ConfirmDebtor', v_confirmation_hashes, v_confirmations);
  perform worker.send_internal('StoreDocument', v_document_hashes, v_documents);
  perform worker.send_internal('FetchDebtorInfo', v_fetch_hashes, v_fetches);
end
$$;

comment on function worker.settle_fetches is
  'Ends fetches for which a document was found, and sends what follows from it: the debtor''s locator is '
  'confirmed, the official document stored, the document of its peg fetched. p_settled: objects with iri, '
  'debtor_id, looks_for_move, is_cached, document; a document that is not cached was read from iri, or from the '
  'forced IRI of a fetch that looks for a move. The caller has locked the fetches. Called by take_due_fetches and '
  'apply_fetch_results.';

create or replace function worker.take_due_fetches(p_limit integer, p_lease interval)
  returns table (iri text, debtor_id bigint, looks_for_move boolean, url text, leased_until timestamptz)
  language plpgsql
as $$
declare
  v_count bigint;
  v_floor timestamptz := '-infinity'::timestamptz;
  v_foreign_iris text[];
  v_foreign_debtor_ids bigint[];
  v_foreign_looks boolean[];
  v_settled jsonb[];
  v_iris text[];
  v_debtor_ids bigint[];
  v_looks boolean[];
begin
  perform worker.reschedule_fetches(p_limit);

  for _ in 1 .. 100 loop
    with due as materialized (
      select
        f.iri,
        f.debtor_id,
        f.looks_for_move,
        f.is_past_cache,
        f.next_attempt_at,
        worker.in_realm(f.key_hash) as is_own
      from worker.debtor_info_fetch as f
      -- What was deleted in earlier rounds is still in the index.
      where f.next_attempt_at >= v_floor and f.next_attempt_at <= worker.now()
      order by f.next_attempt_at
      limit p_limit
      for update skip locked
    ),
    found as (
      select
        d.iri,
        d.debtor_id,
        d.looks_for_move,
        d.next_attempt_at,
        d.is_own,
        case when d.is_own and k.debtor_info_locator is not null then jsonb_build_object(
          'iri', d.iri,
          'debtor_id', d.debtor_id,
          'looks_for_move', d.looks_for_move,
          'is_cached', true,
          'document', to_jsonb(k)
        ) end as settled
      from due as d
      cross join worker.configuration as c
      left join worker.debtor_info_document as k on
        not (d.looks_for_move or d.is_past_cache)
        and d.iri = k.debtor_info_locator
        and k.fetched_at <= worker.latest_credible_moment()
        and (
          k.fetched_at >= worker.now() - c.debtor_info_expiry
          -- A promise not to change is believed for a month, so that a document in use never gets lost.
          or (k.will_not_change_until > worker.now() and k.fetched_at >= worker.now() - interval '30 days')
        )
    )
    select
      count(*),
      max(f.next_attempt_at),
      array_agg(f.iri) filter (where not f.is_own),
      array_agg(f.debtor_id) filter (where not f.is_own),
      array_agg(f.looks_for_move) filter (where not f.is_own),
      array_agg(f.settled) filter (where f.settled is not null),
      array_agg(f.iri order by f.iri collate "C", f.debtor_id, f.looks_for_move) filter (where f.is_own and f.settled is null),
      array_agg(f.debtor_id order by f.iri collate "C", f.debtor_id, f.looks_for_move)
        filter (where f.is_own and f.settled is null),
      array_agg(f.looks_for_move order by f.iri collate "C", f.debtor_id, f.looks_for_move)
        filter (where f.is_own and f.settled is null)
    into
      v_count, v_floor, v_foreign_iris, v_foreign_debtor_ids, v_foreign_looks, v_settled, v_iris, v_debtor_ids, v_looks
    from found as f;

    -- Left over from before a shard was split; the other half has its own copy. No more than what is locked: another
    -- fetcher may hold others of the same address, and wait for these.
    delete from worker.debtor_info_fetch as f
    using unnest(v_foreign_iris, v_foreign_debtor_ids, v_foreign_looks) as d(iri, debtor_id, looks_for_move)
    where f.iri = d.iri and f.debtor_id = d.debtor_id and f.looks_for_move = d.looks_for_move;
    perform worker.settle_fetches(v_settled);
    -- A batch that needs no HTTP must not look like the end of the queue.
    exit when v_iris is not null or v_count < p_limit or v_count = 0;
  end loop;

  return query
  update worker.debtor_info_fetch as f set
    scheduled_at = worker.now(),
    next_attempt_at = worker.now() + p_lease,
    leased_url = coalesce(f.forced_iri, f.iri)
  from unnest(v_iris, v_debtor_ids, v_looks) as d(iri, debtor_id, looks_for_move)
  where f.iri = d.iri and f.debtor_id = d.debtor_id and f.looks_for_move = d.looks_for_move
  returning f.iri, f.debtor_id, f.looks_for_move, f.leased_url, f.next_attempt_at;
end
$$;

comment on function worker.take_due_fetches is
  'Leases up to p_limit due fetches that need an HTTP request of url; after p_lease without a result they are '
  'due again. Fetches that a stored document answers are settled here, those of other shards are dropped, until some '
  'need HTTP or none are due, or for a hundred times p_limit. Called by the fetcher.';

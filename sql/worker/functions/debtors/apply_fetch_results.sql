create or replace function worker.apply_fetch_results(p_results jsonb)
  returns integer
  language plpgsql
as $$
declare
  v_settled jsonb[];
  v_applied integer;
begin
  with result as (
    select
      r.iri,
      r.debtor_id,
      r.looks_for_move,
      r.leased_until,
      r.outcome,
      r.errorcode,
      least(greatest(coalesce(r.jitter, 1.0), 0.5), 1.0) as jitter,
      r.document
    from jsonb_to_recordset(p_results) as r(
      iri text,
      debtor_id bigint,
      looks_for_move boolean,
      leased_until timestamptz,
      outcome text,
      errorcode smallint,
      jitter float8,
      document jsonb
    )
  ),
  leased as materialized (
    -- A lease that ran out belongs to somebody else, or to nobody.
    select
      r.*,
      f.attempts_count,
      f.leased_url is distinct from coalesce(f.forced_iri, f.iri) as is_outdated,
      interval '1 minute' * 2::float8 ^ least(f.attempts_count, 20) as delay
    from worker.debtor_info_fetch as f
    inner join result as r
      on f.iri = r.iri
      and f.debtor_id = r.debtor_id
      and f.looks_for_move = r.looks_for_move
      and f.next_attempt_at = r.leased_until
    order by f.iri collate "C", f.debtor_id, f.looks_for_move
    for update of f
  ),
  verdict as (
    select
      f.*,
      case
        when f.is_outdated then 'again'
        when f.outcome = 'retry' and f.delay >= c.debtor_info_expiry then 'drop'
        else f.outcome
      end as action
    from leased as f
    cross join worker.configuration as c
  ),
  again as (
    -- Something else was wanted while the request was under way.
    update worker.debtor_info_fetch as f set
      scheduled_at = worker.now(),
      next_attempt_at = worker.now(),
      leased_url = null
    from verdict as v
    where v.action = 'again' and (f.iri, f.debtor_id, f.looks_for_move) = (v.iri, v.debtor_id, v.looks_for_move)
  ),
  waiting as (
    -- It did not get its turn, which is not its fault.
    update worker.debtor_info_fetch as f set
      scheduled_at = worker.now(),
      next_attempt_at = worker.now() + interval '20 seconds' * v.jitter,
      leased_url = null
    from verdict as v
    where v.action = 'wait' and (f.iri, f.debtor_id, f.looks_for_move) = (v.iri, v.debtor_id, v.looks_for_move)
  ),
  retried as (
    update worker.debtor_info_fetch as f set
      attempts_count = f.attempts_count + 1,
      latest_attempt_at = worker.now(),
      latest_attempt_errorcode = v.errorcode,
      scheduled_at = worker.now(),
      next_attempt_at = worker.now() + v.delay * v.jitter,
      leased_url = null
    from verdict as v
    where v.action = 'retry' and (f.iri, f.debtor_id, f.looks_for_move) = (v.iri, v.debtor_id, v.looks_for_move)
  ),
  dropped as (
    delete from worker.debtor_info_fetch as f
    using verdict as v
    where v.action = 'drop' and (f.iri, f.debtor_id, f.looks_for_move) = (v.iri, v.debtor_id, v.looks_for_move)
  )
  select
    array_agg(
      jsonb_build_object(
        'iri', v.iri,
        'debtor_id', v.debtor_id,
        'looks_for_move', v.looks_for_move,
        'is_cached', false,
        'document', v.document
      )
    ) filter (where v.action = 'document'),
    count(*)::integer
  into v_settled, v_applied
  from verdict as v;

  perform worker.settle_fetches(v_settled);
  return v_applied;
end
$$;

comment on function worker.apply_fetch_results is
  'Applies the outcome of HTTP requests to leased fetches: a document settles a fetch, a retry is scheduled '
  'with growing delays until they reach the age at which documents expire, a drop ends it, wait and again try it '
  'once more, soon or at once, without counting. Results whose lease was lost are ignored. Returns how many were '
  'applied. Called by the fetcher.';

create or replace function worker.apply_needed_collector(p_messages jsonb[])
  returns void
  language plpgsql
as $$
declare
  v_requests jsonb[];
begin
  with marked as (
    insert into worker.recently_needed_collector as r (debtor_id, needed_at)
    select
      m.debtor_id,
      least(m.ts, worker.now())
    from unnest(p_messages) as u(message)
    cross join lateral jsonb_to_record(u.message) as m(debtor_id bigint, ts timestamptz)
    order by m.debtor_id
    on conflict (debtor_id) do update set needed_at = excluded.needed_at
    where r.needed_at > worker.latest_credible_moment()
    returning r.debtor_id, r.needed_at
  )
  select array_agg(
    jsonb_build_object('type', 'NeededCollector', 'debtor_id', n.debtor_id, 'ts', n.needed_at) order by n.debtor_id
  )
  into v_requests
  from marked as n;
  perform worker.request_solver(v_requests);
end
$$;

comment on function worker.apply_needed_collector is
  'Asks the solver for collector accounts in currencies that somebody wants to trade, once while the marker '
  'lives. Called by apply_messages.';

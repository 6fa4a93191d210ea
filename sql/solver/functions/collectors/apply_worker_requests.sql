create or replace function solver.apply_worker_requests(
  p_messages jsonb,
  p_min_collector_id bigint,
  p_max_collector_id bigint,
  p_count integer
)
  returns void
  language plpgsql
as $$
declare
  v_debtor_id bigint;
  v_debtor_ids bigint[];
  v_missing bigint;
  v_unknown text;
begin
  select string_agg(distinct coalesce(m.message ->> 'type', 'none') collate "C", ', ') into v_unknown
  from jsonb_array_elements(p_messages) as m(message)
  where coalesce(m.message ->> 'type', '') not in ('NeededCollector', 'ActivateCollector', 'DisableCollector');
  if v_unknown is not null then
    raise warning 'requests of unknown types were ignored: %', v_unknown;
  end if;

  perform from solver.collector_account as c
  inner join (
    select distinct
      r.debtor_id,
      r.creditor_id as collector_id
    from jsonb_to_recordset(p_messages) as r(debtor_id bigint, creditor_id bigint)
  ) as m using (debtor_id, collector_id)
  order by c.debtor_id, c.collector_id
  for update of c;

  with request as (
    select
      m.debtor_id,
      m.creditor_id,
      m.is_replaced
    from jsonb_to_recordset(p_messages) as m(type text, debtor_id bigint, creditor_id bigint, is_replaced boolean)
    where m.type = 'DisableCollector'
  ),
  disabled as (
    select d.*
    from (
      select
        array_agg(r.debtor_id) as debtor_ids,
        array_agg(r.creditor_id) as creditor_ids
      from request as r
    ) as a
    cross join lateral solver.disable_collectors(a.debtor_ids, a.creditor_ids) as d
  )
  select array_agg(d.debtor_id) into v_debtor_ids
  from disabled as d
  inner join request as r on d.debtor_id = r.debtor_id and d.collector_id = r.creditor_id
  where r.is_replaced;

  perform solver.activate_collectors(
    array_agg(m.debtor_id order by m.n),
    array_agg(m.creditor_id order by m.n),
    array_agg(m.account_id order by m.n),
    array_agg(m.ts order by m.n)
  )
  from rows from (
    jsonb_to_recordset(p_messages) as (type text, debtor_id bigint, creditor_id bigint, account_id text, ts timestamptz)
  ) with ordinality as m(type, debtor_id, creditor_id, account_id, ts, n)
  where m.type = 'ActivateCollector';

  -- One currency after the other, in the order of their locks; there are at most some hundreds of new ones a turn.
  for v_debtor_id in
    select d.debtor_id
    from (
      select unnest(v_debtor_ids) as debtor_id
      union
      select m.debtor_id
      from jsonb_to_recordset(p_messages) as m(type text, debtor_id bigint)
      where m.type = 'NeededCollector' and m.debtor_id <> 0
    ) as d
    order by solver.hash32(d.debtor_id), d.debtor_id
  loop
    v_missing := solver.count_missing_collectors(v_debtor_id, p_count, p_min_collector_id, p_max_collector_id);
    if solver.is_blocked(v_debtor_id) then
      continue;
    elsif v_missing is null then
      raise warning 'too few free collector IDs for debtor %', v_debtor_id;
    else
      perform solver.create_collectors(v_debtor_id, v_missing, p_min_collector_id, p_max_collector_id);
    end if;
  end loop;
end
$$;

comment on function solver.apply_worker_requests is
  'Carries out what workers ask of the solver database: NeededCollector (a currency needs p_count collectors), '
  'ActivateCollector (an account exists), DisableCollector (an account vanished, or can not be had; '
  'is_replaced: the currency needs another one). A blocked currency gets no new collectors. p_messages is an array of '
  'such objects; repeating it changes nothing. Called by the exchange.';

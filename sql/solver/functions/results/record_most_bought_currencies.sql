create or replace function solver.record_most_bought_currencies(
  p_turn_id integer,
  p_turns integer,
  p_currencies integer,
  p_debtor_ids bigint[],
  p_locators text[]
)
  returns void
  language sql
begin atomic
  with confirmed as (
    select
      u.debtor_id,
      u.locator
    from unnest(p_debtor_ids, p_locators) as u (debtor_id, locator)
  ),
  -- Where there is no room, a currency with so few buyers would only come and go.
  bound as (
    select case when count(*) >= p_currencies then floor(min(m.buyers_average_count) / 10) else 0 end as least_buyers
    from solver.most_bought_currency as m
  ),
  bought as (
    select
      s.debtor_id,
      s.givings as buyers
    from solver.transfer_statistic as s
    cross join bound as b
    where s.turn_id = p_turn_id and s.givings > 0 and s.givings >= b.least_buyers
  ),
  newcomer as (
    select
      b.debtor_id,
      b.buyers
    from bought as b
    where not exists (select from solver.most_bought_currency as m where m.debtor_id = b.debtor_id)
    order by b.buyers desc, b.debtor_id desc
    limit greatest(p_currencies / p_turns, 1)
  ),
  average as (
    select
      m.debtor_id,
      (m.buyers_average_count::float8 * (p_turns - 1) + coalesce(b.buyers, 0)) / p_turns as buyers
    from solver.most_bought_currency as m
    left join bought as b on m.debtor_id = b.debtor_id
    union all
    select
      n.debtor_id,
      n.buyers::float8
    from newcomer as n
  ),
  kept as (
    select
      a.debtor_id,
      a.buyers::real as buyers,
      c.locator
    from average as a
    inner join confirmed as c on a.debtor_id = c.debtor_id
    order by a.buyers::real desc, a.debtor_id desc
    limit p_currencies
  ),
  forgotten as (
    delete from solver.most_bought_currency as m
    where not exists (select from kept as k where k.debtor_id = m.debtor_id)
  )
  insert into solver.most_bought_currency as m (debtor_id, buyers_average_count, debtor_info_locator)
  select
    k.debtor_id,
    k.buyers,
    k.locator
  from kept as k
  on conflict (debtor_id) do update
  set buyers_average_count = excluded.buyers_average_count, debtor_info_locator = excluded.debtor_info_locator;
end;

comment on function solver.record_most_bought_currencies is
  'Takes the buyers that a turn pays into the averages of the last p_turns turns, and keeps the p_currencies largest '
  'of those currencies that the turn has confirmed: p_debtor_ids, with p_locators. Called by the solver''s pipeline '
  'after record_statistics, in the same transaction.';

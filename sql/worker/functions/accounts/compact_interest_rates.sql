create or replace function worker.compact_interest_rates(
  p_creditor_ids bigint[],
  p_debtor_ids bigint[],
  p_cutoff timestamptz,
  p_limit integer
)
  returns integer
  language sql
begin atomic
  -- Only the lowest rate since some moment is ever asked for, so a change matters if no newer one went as low.
  with walk as (
    select
      c.creditor_id,
      c.debtor_id,
      c.change_ts,
      row_number() over newest_first as position,
      lag(c.change_ts) over newest_first as newer_ts,
      lag(c.change_ts) over newest_first - c.change_ts < interval '8 days' as is_hasty,
      c.interest_rate < min(c.interest_rate) over (
        newest_first rows between unbounded preceding and 1 preceding
      ) as is_lower
    from unnest(p_creditor_ids, p_debtor_ids) as a(creditor_id, debtor_id)
    inner join worker.interest_rate_change as c using (creditor_id, debtor_id)
    window newest_first as (partition by c.creditor_id, c.debtor_id order by c.change_ts desc)
  ),
  hasty as (
    -- The newest two changes in haste stay as well: they tell that the authority may have hidden others.
    select
      w.creditor_id,
      w.debtor_id,
      min(w.position) as position
    from walk as w
    where w.is_hasty
    group by w.creditor_id, w.debtor_id
  ),
  useless as (
    select
      w.creditor_id,
      w.debtor_id,
      w.change_ts
    from walk as w
    left join hasty as h using (creditor_id, debtor_id)
    where
      w.position > p_limit
      or w.newer_ts < p_cutoff
      or (not w.is_lower and w.position not in (coalesce(h.position, 0), coalesce(h.position, 0) - 1))
    order by w.creditor_id, w.debtor_id, w.change_ts
  ),
  deleted as (
    delete from worker.interest_rate_change as c
    using useless as u
    where c.creditor_id = u.creditor_id and c.debtor_id = u.debtor_id and c.change_ts = u.change_ts
    returning 1
  )
  select count(*)::integer from deleted;
end;

comment on function worker.compact_interest_rates is
  'Deletes interest rate changes of the given (distinct) accounts which no later question needs, and returns '
  'how many. Called when a change is stored and by the scan of the history.';

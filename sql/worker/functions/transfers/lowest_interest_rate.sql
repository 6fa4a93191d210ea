create or replace function worker.lowest_interest_rate(p_creditor_id bigint, p_debtor_id bigint, p_since timestamptz)
  returns table (interest_rate float8, latest_change_ts timestamptz, has_close_changes boolean)
  language sql
  stable
  parallel safe
begin atomic
  select
    least(0, w.interest_rate, past.lowest, case when known.has_close_changes then w.demurrage_rate end),
    known.latest_change_ts,
    known.has_close_changes
  from worker.worker_account as w
  cross join lateral (
    -- The last change before p_since still counts, because it set the rate at p_since.
    select min(c.interest_rate) as lowest
    from worker.interest_rate_change as c
    where c.creditor_id = w.creditor_id
      and c.debtor_id = w.debtor_id
      and c.change_ts >= coalesce((
        select max(b.change_ts)
        from worker.interest_rate_change as b
        where b.creditor_id = w.creditor_id and b.debtor_id = w.debtor_id and b.change_ts < p_since
      ), '-infinity')
  ) as past
  cross join lateral (
    -- Accounting authorities leave 8 days between two changes. One that does not may have made changes nobody told us.
    select
      max(m.change_ts) as latest_change_ts,
      coalesce(bool_or(m.change_ts - m.previous_ts < '8 days' and m.change_ts > p_since), false) as has_close_changes
    from (
      select a.change_ts, lag(a.change_ts) over (order by a.change_ts) as previous_ts
      from (
        select w.last_interest_rate_change_ts as change_ts
        union
        select c.change_ts
        from worker.interest_rate_change as c
        where c.creditor_id = w.creditor_id and c.debtor_id = w.debtor_id
      ) as a
    ) as m
  ) as known
  where w.creditor_id = p_creditor_id and w.debtor_id = p_debtor_id;
end;

comment on function worker.lowest_interest_rate is
  'The worst interest rate (percent per year, <= 0) that a collector account may have had since p_since, the latest '
  'moment at which it is known to have changed, and whether changes came suspiciously close to each other since then '
  '(the rate is then the account''s demurrage rate, if that is worse). No row: nothing is known of the account. '
  'Called by worker.trigger_transfers.';

create or replace function worker.note_transfer_numbers(p_messages jsonb[])
  returns void
  language sql
  -- One index probe a message, however many messages and rows there are, or were when the plan was made.
  set enable_hashjoin = off
  set enable_mergejoin = off
  set enable_seqscan = off
  set jit = off
begin atomic
  -- A message that comes again only makes the limit of what rounding may leave wider.
  update worker.account_at_step_back as b
  set paid = worker.clamp64(b.paid + p.amount)
  from (
    select x.creditor_id, x.debtor_id, sum(-x.acquired_amount::numeric) as amount
    from unnest(p_messages) as m (message)
    cross join lateral jsonb_to_record(m.message) as x (
      creditor_id bigint, debtor_id bigint, acquired_amount bigint
    )
    where x.acquired_amount < 0
      and exists (select from worker.account_at_step_back as o where o.concluded_at is null)
    group by x.creditor_id, x.debtor_id
  ) as p
  where b.concluded_at is null and b.creditor_id = p.creditor_id and b.debtor_id = p.debtor_id;

  with told as (
    select distinct on (a.creditor_id, a.debtor_id, x.transfer_number)
      a.creditor_id, a.debtor_id, a.creation_date, a.seen_transfer_number, x.transfer_number, x.previous_transfer_number
    from unnest(p_messages) as m (message)
    cross join lateral jsonb_to_record(m.message) as x (
      creditor_id bigint, debtor_id bigint, creation_date date, transfer_number bigint, previous_transfer_number bigint
    )
    join worker.worker_account as a
      on a.creditor_id = x.creditor_id
      and a.debtor_id = x.debtor_id
      and a.creation_date = x.creation_date
    where x.transfer_number > a.seen_transfer_number
      and not exists (
        select
        from worker.transfer_run as r
        where r.creditor_id = a.creditor_id
          and r.debtor_id = a.debtor_id
          and r.creation_date = a.creation_date
          and x.transfer_number > r.previous_number
          and x.transfer_number <= r.last_number
      )
    order by a.creditor_id asc, a.debtor_id asc, x.transfer_number asc, x.previous_transfer_number desc
  ),
  account as (
    select distinct creditor_id, debtor_id, creation_date, seen_transfer_number from told
  ),
  piece as (
    select
      t.creditor_id,
      t.debtor_id,
      t.creation_date,
      t.seen_transfer_number,
      t.previous_transfer_number as previous_number,
      t.transfer_number as last_number,
      worker.now() as noticed_at,
      false as is_stored
    from told as t
    -- A liar's numbers end nowhere.
    where t.previous_transfer_number < t.transfer_number
    union all
    select
      a.creditor_id,
      a.debtor_id,
      a.creation_date,
      a.seen_transfer_number,
      r.previous_number,
      r.last_number,
      r.noticed_at,
      true
    from account as a
    join worker.transfer_run as r
      on r.creditor_id = a.creditor_id and r.debtor_id = a.debtor_id and r.creation_date = a.creation_date
    where r.last_number > a.seen_transfer_number
  ),
  linked as (
    select
      p.*,
      p.previous_number <> lag(p.last_number, 1, -1::bigint) over (
        partition by p.creditor_id, p.debtor_id order by p.last_number
      ) as is_first
    from piece as p
  ),
  numbered as (
    select
      k.*,
      count(*) filter (where k.is_first) over (
        partition by k.creditor_id, k.debtor_id order by k.last_number
      ) as run
    from linked as k
  ),
  placed as (
    select
      n.*,
      min(n.previous_number) over (partition by n.creditor_id, n.debtor_id, n.run) as run_begin,
      max(n.last_number) over (partition by n.creditor_id, n.debtor_id, n.run) as run_end,
      min(n.noticed_at) over (partition by n.creditor_id, n.debtor_id, n.run) as run_noticed_at
    from numbered as n
  ),
  kept as (
    insert into worker.transfer_run as r (
      creditor_id, debtor_id, creation_date, previous_number, last_number, noticed_at
    )
    select creditor_id, debtor_id, creation_date, run_begin, run_end, run_noticed_at
    from placed
    -- The first ones: of what is forgotten it stays open whether it was told.
    where last_number = run_end and run_begin <> seen_transfer_number and run <= 100
    order by creditor_id, debtor_id, run_end
    on conflict (creditor_id, debtor_id, last_number) do update set
      creation_date = excluded.creation_date,
      previous_number = excluded.previous_number,
      noticed_at = excluded.noticed_at
    where (r.creation_date, r.previous_number, r.noticed_at)
      is distinct from (excluded.creation_date, excluded.previous_number, excluded.noticed_at)
  ),
  joined as (
    delete from worker.transfer_run as r
    using placed as p
    where p.is_stored
      and (p.last_number <> p.run_end or p.run_begin = p.seen_transfer_number or p.run > 100)
      and r.creditor_id = p.creditor_id
      and r.debtor_id = p.debtor_id
      and r.last_number = p.last_number
  )
  update worker.worker_account as a
  set seen_transfer_number = p.run_end
  from placed as p
  where p.last_number = p.run_end
    and p.run_begin = p.seen_transfer_number
    and a.creditor_id = p.creditor_id
    and a.debtor_id = p.debtor_id;
end;

comment on function worker.note_transfer_numbers is
  'Notes up to which transfer of a collector''s account AccountTransfer messages have come without a gap, in whatever '
  'order they came: what is behind a gap is kept in worker.transfer_run. After a step '
  'back of this database that tells whether something moved which it forgot. '
  'Meanwhile what leaves the account is counted. Called by apply_account_transfer.';

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
      worker.now() as noticed_at
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
      r.noticed_at
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
  run as (
    select
      creditor_id,
      debtor_id,
      creation_date,
      seen_transfer_number,
      run,
      min(previous_number) as previous_number,
      max(last_number) as last_number,
      min(noticed_at) as noticed_at
    from numbered
    group by creditor_id, debtor_id, creation_date, seen_transfer_number, run
  ),
  kept as (
    insert into worker.transfer_run as r (
      creditor_id, debtor_id, creation_date, previous_number, last_number, noticed_at
    )
    select creditor_id, debtor_id, creation_date, previous_number, last_number, noticed_at
    from run
    -- The first ones: of what is forgotten it stays open whether it was told.
    where previous_number <> seen_transfer_number and run <= 100
    order by creditor_id, debtor_id, last_number
    on conflict (creditor_id, debtor_id, last_number) do update set
      creation_date = excluded.creation_date,
      previous_number = excluded.previous_number,
      noticed_at = excluded.noticed_at
    where (r.creation_date, r.previous_number, r.noticed_at)
      is distinct from (excluded.creation_date, excluded.previous_number, excluded.noticed_at)
  ),
  joined as (
    delete from worker.transfer_run as r
    using account as a
    where r.creditor_id = a.creditor_id
      and r.debtor_id = a.debtor_id
      and not exists (
        select
        from run as n
        where n.creditor_id = r.creditor_id
          and n.debtor_id = r.debtor_id
          and n.last_number = r.last_number
          and n.previous_number <> n.seen_transfer_number
          and n.run <= 100
      )
  )
  update worker.worker_account as a
  set seen_transfer_number = n.last_number
  from run as n
  where a.creditor_id = n.creditor_id
    and a.debtor_id = n.debtor_id
    and n.previous_number = n.seen_transfer_number;
end;

comment on function worker.note_transfer_numbers is
  'Notes up to which transfer of a collector''s account AccountTransfer messages have come without a gap, in whatever '
  'order they came: what is behind a gap is kept in worker.transfer_run. After a step '
  'back of this database that tells whether something moved which it forgot. '
  'Meanwhile what leaves the account is counted. Called by apply_account_transfer.';

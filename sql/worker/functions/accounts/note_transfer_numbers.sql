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
    select distinct a.creditor_id, a.debtor_id, a.seen_transfer_number, x.transfer_number, x.previous_transfer_number
    from unnest(p_messages) as m (message)
    cross join lateral jsonb_to_record(m.message) as x (
      creditor_id bigint, debtor_id bigint, creation_date date, transfer_number bigint, previous_transfer_number bigint
    )
    join worker.worker_account as a
      on a.creditor_id = x.creditor_id
      and a.debtor_id = x.debtor_id
      and a.creation_date = x.creation_date
    where x.transfer_number > a.seen_transfer_number
  ),
  linked as (
    select
      t.*,
      t.previous_transfer_number = lag(t.transfer_number, 1, t.seen_transfer_number) over (
        partition by t.creditor_id, t.debtor_id order by t.transfer_number
      ) as is_next
    from told as t
  ),
  chained as (
    select
      k.*,
      bool_and(k.is_next) over (partition by k.creditor_id, k.debtor_id order by k.transfer_number) as is_chained
    from linked as k
  )
  update worker.worker_account as a
  set seen_transfer_number = c.transfer_number
  from (
    select creditor_id, debtor_id, max(transfer_number) as transfer_number
    from chained
    where is_chained
    group by creditor_id, debtor_id
  ) as c
  where a.creditor_id = c.creditor_id and a.debtor_id = c.debtor_id;
end;

comment on function worker.note_transfer_numbers is
  'Notes up to which transfer of a collector''s account AccountTransfer messages have come without a gap. After a step '
  'back of this database that tells whether something moved which it forgot. '
  'Meanwhile what leaves the account is counted. Called by apply_account_transfer.';

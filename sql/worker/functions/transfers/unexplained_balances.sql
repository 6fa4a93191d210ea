create or replace function worker.unexplained_balances()
  returns table (
    debtor_id bigint,
    collector_id bigint,
    account_id text,
    balance bigint,
    explained bigint,
    unexplained bigint,
    unseen_transfers bigint,
    last_change_ts timestamptz,
    noticed_at timestamptz,
    settled_at timestamptz,
    settled_by text
  )
  language sql
  security definer
  stable
begin atomic
  select
    b.debtor_id,
    b.creditor_id,
    a.account_id,
    worker.clamp64(t.balance),
    worker.clamp64(t.balance - t.unexplained),
    worker.clamp64(t.unexplained),
    b.unseen_transfers,
    a.last_change_ts,
    b.noticed_at,
    b.settled_at,
    b.settled_by
  from worker.account_at_step_back as b
  join worker.worker_account as a
    on a.creditor_id = b.creditor_id and a.debtor_id = b.debtor_id and a.creation_date = b.creation_date
  cross join lateral (
    select
      a.principal + floor(a.interest)::numeric as balance,
      -- What later turns leave does not count. Less than when it was compared: somebody has paid it.
      case
        when b.settled_at is null then least(b.unexplained, worker.spare_tokens(a) - coalesce(b.surplus, 0))
        else b.unexplained
      end as unexplained
  ) as t
  where b.concluded_at is not null
    and worker.in_realm(a.key_hash)
    and (b.settled_at is not null or t.unexplained > b.leaves)
  order by b.debtor_id, b.creditor_id, b.noticed_at;
end;

comment on function worker.unexplained_balances is
  'Collector accounts of this shard with tokens that nothing in this database explains, since it stepped back '
  '(noticed_at): the authority made transfers (unseen_transfers, at most) that it was not told of. Also those that an '
  'operator has settled, for half a year. Called by operators and the metrics server.';

create or replace function worker.explain_balances(p_lane integer, p_limit integer)
  returns integer
  language plpgsql
as $$
declare
  v_asked_creditors bigint[];
  v_asked_debtors bigint[];
  v_count integer;
begin
  -- What is not compared any more: accounts that are gone, or began anew, or that went to the sibling of this shard;
  -- and what was settled half a year ago.
  delete from worker.account_at_step_back as b
  using worker.configuration as c
  where (worker.hash32(b.creditor_id) & (c.lane_count - 1)) = p_lane
    and (
      (worker.hash32(b.creditor_id) & c.realm_mask) <> c.realm
      or b.settled_at < worker.now() - interval '180 days'
      or b.settled_at is null and not exists (
        select
        from worker.worker_account as a
        where a.creditor_id = b.creditor_id and a.debtor_id = b.debtor_id and a.creation_date = b.creation_date
      )
    );

  -- Authorities tell of a quiet account only now and then.
  select array_agg(n.creditor_id), array_agg(n.debtor_id) into v_asked_creditors, v_asked_debtors
  from (
    select n.creditor_id, n.debtor_id
    from worker.account_at_step_back as b
    join worker.worker_account as a on a.creditor_id = b.creditor_id and a.debtor_id = b.debtor_id
    join worker.needed_worker_account as n on n.creditor_id = b.creditor_id and n.debtor_id = b.debtor_id
    cross join worker.configuration as c
    where b.concluded_at is null
      and (worker.hash32(b.creditor_id) & (c.lane_count - 1)) = p_lane
      and b.noticed_at < worker.now() - interval '1 hour'
      and a.last_config_ts <= b.noticed_at
      and n.released_at is null
      and (coalesce(n.config_ts, n.configured_at) <= b.noticed_at or n.configured_at < worker.now() - interval '1 day')
    order by n.creditor_id, n.debtor_id
    limit p_limit
    for update of n
  ) as n;
  perform worker.order_accounts(v_asked_creditors, v_asked_debtors, true);

  with compared as materialized (
    select
      b.creditor_id,
      b.debtor_id,
      b.noticed_at,
      a.last_transfer_number - greatest(a.seen_transfer_number, b.known_transfer_number) as unseen_transfers,
      worker.clamp64(worker.spare_tokens(a) - coalesce(b.surplus, 0)) as unexplained,
      -- Less than two tokens of each payment by rounding (2 also of those that came in, as it is not known which they
      -- were), and at most the share that is kept back of what is paid a commit period after the turn.
      worker.clamp64(
        2 * (a.last_transfer_number - b.known_transfer_number)::numeric
        + coalesce(ceil((b.paid * (1 - k.share) / nullif(k.share, 0))::numeric), 9223372036854775807)
      ) as leaves
    from worker.account_at_step_back as b
    join worker.worker_account as a on a.creditor_id = b.creditor_id and a.debtor_id = b.debtor_id
    cross join worker.configuration as c
    cross join lateral worker.lowest_interest_rate(b.creditor_id, b.debtor_id, b.noticed_at) as i
    cross join lateral (
      select (1 - c.amount_cut) * worker.demurrage(
        i.interest_rate,
        extract(epoch from c.turn_max_commit_period)::float8
        + worker.transfer_backoff_seconds(c.healthy_max_commit_delay, 0) + 600
      ) as share
    ) as k
    where b.concluded_at is null
      and (worker.hash32(b.creditor_id) & (c.lane_count - 1)) = p_lane
      -- The authority has told since then, and messages about the latest transfers have all come.
      and (a.last_config_ts > b.noticed_at or a.last_heartbeat_ts > b.noticed_at + interval '10 minutes')
      and greatest(b.noticed_at, a.last_transfer_committed_at) < worker.now() - interval '1 hour'
      and not worker.is_account_in_doubt(b.creditor_id, b.debtor_id)
    order by b.creditor_id, b.debtor_id
    limit p_limit
    for update of b
  ),
  explained as (
    delete from worker.account_at_step_back as b
    using compared as d
    where b.creditor_id = d.creditor_id
      and b.debtor_id = d.debtor_id
      and b.noticed_at = d.noticed_at
      and (d.unseen_transfers <= 0 or d.unexplained <= d.leaves)
  ),
  concluded as (
    update worker.account_at_step_back as b
    set
      concluded_at = worker.now(),
      unseen_transfers = d.unseen_transfers,
      leaves = d.leaves,
      unexplained = d.unexplained
    from compared as d
    where b.creditor_id = d.creditor_id
      and b.debtor_id = d.debtor_id
      and b.noticed_at = d.noticed_at
      and d.unseen_transfers > 0
      and d.unexplained > d.leaves
    returning b.creditor_id
  )
  select count(*) into v_count from concluded;
  if v_count > 0 then
    raise warning 'there are tokens on collector accounts that nothing explains'
      using detail = format('%s accounts, since this database stepped back', v_count),
        hint = 'See `swpt-trade transfers unexplained`.';
  end if;
  return v_count;
end
$$;

comment on function worker.explain_balances is
  'Compares collector accounts of a lane with what this database knew of them when it stepped back, once nothing is in '
  'doubt about them and the authority has told of them since then; it is asked to, an hour later. An account stays on '
  'the list if transfers happened that this database was not told of, and there is more on it than surplus, what is '
  'owed, and rounding explain. p_limit: most accounts to ask about, and to compare. Returns how many are new on '
  'the list. A surplus that the collector sold meanwhile hides as many tokens. Called by settle_doubts.';

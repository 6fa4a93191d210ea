create or replace function worker.trigger_transfers(p_attempts worker.transfer_attempt_key[])
  returns integer
  language plpgsql
  -- One index probe a message, however many messages and rows there are, or were when the plan was made.
  set enable_hashjoin = off
  set enable_mergejoin = off
  set enable_seqscan = off
  set jit = off
as $$
declare
  v_config worker.configuration;
  v_asking worker.transfer_attempt_key[];
  v_close_changes bigint;
  v_count integer;
  v_payers bigint[];
  v_receivers bigint[];
  v_turns integer[];
  v_debtors bigint[];
  v_dropped worker.dispatching_key[];
begin
  select * into strict v_config from worker.configuration;
  perform worker.catch_up_request_ids(interval '1 second');

  with ready as materialized (
    select a as attempt
    from unnest(p_attempts) as k
    join worker.transfer_attempt as a
      on a.collector_id = k.collector_id
      and a.turn_id = k.turn_id
      and a.debtor_id = k.debtor_id
      and a.creditor_id = k.creditor_id
      and a.is_dispatching = k.is_dispatching
    where (a.rescheduled_for is null or a.rescheduled_for <= worker.now())
      and a.held_at is null
      and (a.attempted_at is null or (a.failure_code is not null and a.fatal_error is null))
    order by a.collector_id, a.turn_id, a.debtor_id, a.creditor_id, a.is_dispatching
    for update of a
  ),
  -- The interest of an account is looked at once for all of its attempts. Grouping and unnesting instead of a join,
  -- because the planner would join two row sets of unknown size in a nested loop.
  of_account as (
    select
      (r.attempt).collector_id,
      (r.attempt).debtor_id,
      (r.attempt).collection_started_at,
      array_agg(r.attempt) as attempts
    from ready as r
    group by 1, 2, 3
  ),
  priced as (
    select
      a.*,
      i.has_close_changes,
      -- No message can carry a later moment. Null if nothing is known of the account's interest.
      case
        when i.latest_change_ts is not null
          then least(i.latest_change_ts + interval '2 seconds', '9999-12-31T23:59:59Z')
      end as new_final_ts,
      b.delay,
      worker.amount_to_pay(
        a.nominal_amount,
        i.interest_rate,
        600 + extract(epoch from worker.now() - o.collection_started_at)::float8 + b.delay,
        -- Turn 0: a collector that is removed gives everything it has. What was paid for nothing goes back whole.
        case when a.turn_id = 0 or a.is_refund then 0 else v_config.amount_cut end
      ) as new_amount
    from of_account as o
    left join lateral worker.lowest_interest_rate(o.collector_id, o.debtor_id, o.collection_started_at) as i on true
    cross join lateral unnest(o.attempts) as a
    cross join lateral (
      select worker.transfer_backoff_seconds(v_config.healthy_max_commit_delay, a.backoff_counter) as delay
    ) as b
  ),
  decided as materialized (
    select
      p.*,
      case
        when p.recipient = '' then 'ask'
        when p.new_final_ts is null then 'wait'
        -- The authority refused our knowledge of the interest rate, and there is no news.
        when p.failure_code = 2 and p.final_interest_rate_ts >= p.new_final_ts then 'wait'
        when p.new_amount = 0 then 'drop'
        -- The recipient was unreachable: the same ID would fail again.
        when p.failure_code = 3 then 'try and ask'
        else 'try'
      end as action
    from priced as p
  ),
  changed as (
    update worker.transfer_attempt as a
    set
      attempted_at = case when d.action in ('try', 'try and ask') then worker.now() else a.attempted_at end,
      coordinator_request_id = case
        when d.action in ('try', 'try and ask') then nextval('worker.coordinator_request_id_seq')
        else a.coordinator_request_id
      end,
      final_interest_rate_ts = case
        when d.action in ('try', 'try and ask') then d.new_final_ts
        else a.final_interest_rate_ts
      end,
      amount = case when d.action in ('try', 'try and ask') then d.new_amount else a.amount end,
      transfer_id = case when d.action in ('try', 'try and ask') then null else a.transfer_id end,
      finalized_at = case when d.action in ('try', 'try and ask') then null else a.finalized_at end,
      failure_code = case when d.action = 'try' then null else a.failure_code end,
      rescheduled_for = case d.action
        when 'try' then null
        when 'wait' then worker.now() + v_config.healthy_max_commit_delay
        else worker.now() + make_interval(secs => d.delay)
      end,
      backoff_counter = case
        when d.action in ('ask', 'try and ask') then worker.next_backoff_counter(a.backoff_counter)
        else a.backoff_counter
      end
    from decided as d
    where d.action <> 'drop'
      and a.collector_id = d.collector_id
      and a.turn_id = d.turn_id
      and a.debtor_id = d.debtor_id
      and a.creditor_id = d.creditor_id
      and a.is_dispatching = d.is_dispatching
    returning a.*, d.action, d.delay
  ),
  prepared as (
    insert into outbox.prepare_transfer (
      creditor_id, debtor_id, coordinator_request_id, min_locked_amount, max_locked_amount, recipient,
      final_interest_rate_ts, max_commit_delay, ts
    )
    -- Nothing is locked: the commit finds the money, or fails.
    select
      c.collector_id, c.debtor_id, c.coordinator_request_id, 0, 0, c.recipient,
      c.final_interest_rate_ts, c.delay, worker.now()
    from changed as c
    where c.action = 'try'
  ),
  dropped as (
    delete from worker.transfer_attempt as a
    using decided as d
    where d.action = 'drop'
      and a.collector_id = d.collector_id
      and a.turn_id = d.turn_id
      and a.debtor_id = d.debtor_id
      and a.creditor_id = d.creditor_id
      and a.is_dispatching = d.is_dispatching
  ),
  unsent as (
    delete from worker.worker_sending as w
    using decided as d
    where d.action = 'drop'
      and not d.is_dispatching
      and w.from_collector_id = d.collector_id
      and w.turn_id = d.turn_id
      and w.debtor_id = d.debtor_id
      and w.to_collector_id = d.creditor_id
  ),
  undispatched as (
    delete from worker.worker_dispatching as w
    using decided as d
    where d.action = 'drop'
      and d.is_dispatching
      and w.collector_id = d.collector_id
      and w.turn_id = d.turn_id
      and w.debtor_id = d.debtor_id
      and w.creditor_id = d.creditor_id
  )
  select
    array_agg(
      row(d.collector_id, d.turn_id, d.debtor_id, d.creditor_id, d.is_dispatching)::worker.transfer_attempt_key
    ) filter (where d.action in ('ask', 'try and ask')),
    array_agg(d.turn_id) filter (where d.action = 'drop' and not d.is_dispatching),
    array_agg(d.creditor_id) filter (where d.action = 'drop' and not d.is_dispatching),
    array_agg(d.debtor_id) filter (where d.action = 'drop' and not d.is_dispatching),
    array_agg(d.collector_id) filter (where d.action = 'drop' and not d.is_dispatching),
    array_agg(distinct row(d.collector_id, d.turn_id, d.debtor_id)::worker.dispatching_key)
      filter (where d.action = 'drop'),
    count(*) filter (where d.has_close_changes),
    count(*)
  into v_asking, v_turns, v_receivers, v_debtors, v_payers, v_dropped, v_close_changes, v_count
  from decided as d;

  perform worker.send_account_id_requests(v_asking);
  perform worker.send_unpaid_notices('sending', v_turns, v_receivers, v_debtors, v_payers);
  if v_dropped is not null then
    -- Perhaps the collector had only these left to pay.
    perform worker.advance_statuses(v_dropped);
  end if;
  if v_close_changes > 0 then
    raise warning 'interest rates changed twice within eight days'
      using detail = format('%s of %s triggered transfers reckon with the demurrage rate', v_close_changes, v_count);
  end if;
  return v_count;
end
$$;

comment on function worker.trigger_transfers is
  'Tries those of the given transfer attempts that are ready, or whose time has come, and returns how many these '
  'were. A try fixes '
  'the amount, takes a new request ID and sends PrepareTransfer. Attempts that cannot be tried now are rescheduled; '
  'those that are too small to pay one token are dropped. Called by worker.apply_trigger_transfer, '
  'worker.apply_account_id_response and worker.trigger_due_transfers.';

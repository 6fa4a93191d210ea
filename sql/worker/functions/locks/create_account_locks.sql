-- Two disjoint writes: offers without a lock insert one, offers with a lock overwrite it unless it is in force.
-- The second decides under its own row lock; the first yields to a lock that somebody else created meanwhile.
create or replace function worker.create_account_locks(p_turn_id integer, p_offers worker.candidate_offer[])
  returns integer
  language plpgsql
  set plan_cache_mode = force_custom_plan
as $$
declare
  v_now timestamptz := worker.now();
  v_deadline timestamptz;
  v_worst float8;
  v_min_locked bigint;
  v_minimum bigint;
  v_created integer;
begin
  select t.collection_deadline, s.worst, worker.amount_to_lock(t.min_trade_amount, s.worst), t.min_trade_amount
  into v_deadline, v_worst, v_min_locked, v_minimum
  from worker.worker_turn as t
  cross join worker.configuration as c
  cross join lateral (
    select worker.demurrage(c.min_demurrage_rate, extract(epoch from t.collection_deadline - v_now)::float8) as worst
  ) as s
  where t.turn_id = p_turn_id;
  if not found or p_turn_id <= worker.doubtful_turns() then
    return 0;
  end if;

  perform worker.catch_up_request_ids(interval '1 second');
  with collector as (
    select c.debtor_id, array_agg(c.collector_id) as ids
    from worker.active_collector as c
    where c.debtor_id in (select o.debtor_id from unnest(p_offers) as o)
    group by c.debtor_id
  ),
  offer as materialized (
    select
      o.creditor_id, o.debtor_id, o.amount, o.account_creation_date, o.last_transfer_number,
      c.ids[1 + floor(random() * cardinality(c.ids))::integer] as collector_id,
      l.creditor_id is not null as has_lock
    from unnest(p_offers) as o
    join collector as c on c.debtor_id = o.debtor_id
    left join worker.account_lock as l on l.creditor_id = o.creditor_id and l.debtor_id = o.debtor_id
    -- The sum in the last line is slow, and nearly always superfluous.
    where o.amount > 0
      or -v_minimum >= o.amount
      or worker.amount_to_lock(-greatest(o.amount, -9223372036854775807), v_worst) >= v_min_locked
    order by o.creditor_id, o.debtor_id
  ),
  overwritten as (
    update worker.account_lock as l
    set turn_id = p_turn_id,
      collector_id = o.collector_id,
      initiated_at = v_now,
      coordinator_request_id = nextval('worker.coordinator_request_id_seq'),
      amount = o.amount,
      collection_deadline = v_deadline,
      transfer_id = case when o.collector_id = o.creditor_id then 0 end,
      finalized_at = null,
      released_at = null,
      paid_amount = null,
      account_creation_date = null,
      account_last_transfer_number = null,
      has_been_revised = false
    from offer as o
    where o.has_lock
      and l.creditor_id = o.creditor_id
      and l.debtor_id = o.debtor_id
      and l.released_at is not null
      and (l.account_creation_date, l.account_last_transfer_number) <= (o.account_creation_date, o.last_transfer_number)
    returning l.creditor_id, l.debtor_id, l.amount, l.collector_id, l.coordinator_request_id
  ),
  created as (
    insert into worker.account_lock as l
      (creditor_id, debtor_id, turn_id, collector_id, initiated_at, amount, collection_deadline, transfer_id)
    select
      o.creditor_id, o.debtor_id, p_turn_id, o.collector_id, v_now, o.amount, v_deadline,
      case when o.collector_id = o.creditor_id then 0 end
    from offer as o
    where not o.has_lock
    on conflict do nothing
    returning l.creditor_id, l.debtor_id, l.amount, l.collector_id, l.coordinator_request_id
  ),
  lock as (
    select * from overwritten
    union all
    select * from created
  ),
  sent as (
    insert into outbox.prepare_transfer (
      creditor_id, debtor_id, coordinator_request_id, min_locked_amount, max_locked_amount,
      recipient, final_interest_rate_ts, max_commit_delay, ts
    )
    select
      l.creditor_id, l.debtor_id, l.coordinator_request_id,
      case when l.amount < 0 then v_min_locked else 0 end,
      case when l.amount < 0 then worker.amount_to_lock(-l.amount, v_worst) else 0 end,
      c.account_id, '9999-12-31T23:59:59Z', 2147483647, v_now
    from lock as l
    join worker.active_collector as c on c.debtor_id = l.debtor_id and c.collector_id = l.collector_id
    where l.collector_id <> l.creditor_id
  )
  select count(*) into v_created from lock;
  return v_created;
end
$$;

comment on function worker.create_account_locks is
  'Engages the accounts of candidate offers in a turn: picks a random active collector of the currency for each, '
  'creates the lock and sends PrepareTransfer. Accounts whose lock is in force, currencies without a collector and '
  'sales below the minimum are left out. No account twice. None at all while the turn is in doubt. Returns the number '
  'of new locks. Called by the lane step of 2/0, which knows that the turn is in phase 2, and by '
  'apply_candidate_offer.';

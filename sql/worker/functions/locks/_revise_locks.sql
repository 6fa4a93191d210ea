create or replace function worker._revise_locks(
  p_turn_id integer,
  p_creditor_ids bigint[],
  p_debtor_ids bigint[],
  p_amounts bigint[],
  p_collector_ids bigint[],
  p_locked_amounts bigint[],
  p_locks tid[]
)
  returns integer
  language plpgsql
  set plan_cache_mode = force_custom_plan
  -- Fetch every lock where the caller saw it. With stale statistics the planner would read the table for each verdict.
  set enable_seqscan = off
  set enable_indexscan = off
  set enable_bitmapscan = off
  set enable_nestloop = on
  set jit = off
as $$
declare
  v_now timestamptz := worker.now();
  v_verdicts integer;
  v_revised integer;
  v_exceeding integer;
  v_deleted_creditor_ids bigint[];
  v_deleted_debtor_ids bigint[];
begin
  -- Verdicts that their lock can honour. A seller gives no more than was locked, and only to the lock's collector.
  with verdict as materialized (
    select v.creditor_id, v.debtor_id, v.amount, v.collector_id, v.locked_amount, v.lock
    from unnest(p_creditor_ids, p_debtor_ids, p_amounts, p_collector_ids, p_locked_amounts, p_locks)
      as v (creditor_id, debtor_id, amount, collector_id, locked_amount, lock)
    where v.amount is not null
  ),
  revised as (
    update worker.account_lock as l
    set amount = case when v.amount < 0 then greatest(v.amount, l.amount) else v.amount end,
      has_been_revised = true,
      finalized_at = case when v.amount < 0 or v.collector_id = l.creditor_id then v_now end,
      -- A collector that pays itself: no money moves.
      released_at = case when v.collector_id = l.creditor_id then v_now end,
      account_creation_date = case when v.collector_id = l.creditor_id then date '1970-01-01' end,
      account_last_transfer_number = case when v.collector_id = l.creditor_id then 0 end
    from verdict as v
    where l.ctid = v.lock
      and l.creditor_id = v.creditor_id
      and l.debtor_id = v.debtor_id
      and l.turn_id = p_turn_id
      and l.transfer_id is not null
      and l.finalized_at is null
      and not l.has_been_revised
      and (
        v.amount > 0 and l.amount > 0
        or v.amount < 0 and l.amount < 0 and l.collector_id = v.collector_id and v_now < l.collection_deadline
      )
    returning
      l.creditor_id, l.debtor_id, l.transfer_id, l.coordinator_request_id, l.collector_id, l.amount, l.released_at,
      case when v.amount < 0 then v.amount < v.locked_amount else v.amount > v.locked_amount end as is_exceeding
  ),
  sent as (
    insert into outbox.finalize_transfer (
      creditor_id, debtor_id, transfer_id, coordinator_id, coordinator_request_id,
      committed_amount, transfer_note_format, transfer_note, ts
    )
    select
      r.creditor_id, r.debtor_id, r.transfer_id, r.creditor_id, r.coordinator_request_id,
      case when r.amount < 0 then -r.amount else 0 end,
      case when r.amount < 0 then '-cXchge' else '' end,
      case
        when r.amount < 0 then worker.transfer_note('collecting', p_turn_id, r.collector_id, r.creditor_id)
        else ''
      end,
      v_now
    from revised as r
    where r.collector_id <> r.creditor_id and (r.amount < 0 or r.released_at is not null)
  )
  select
    (select count(*) from verdict),
    (select count(*) from revised),
    (select count(*) from revised as r where r.is_exceeding)
  into v_verdicts, v_revised, v_exceeding;

  -- All other locks of these accounts take no part: those without a verdict, and those that can not honour theirs.
  -- A later statement, so it sees the changes made above.
  with deleted as (
    delete from worker.account_lock as l
    using unnest(p_creditor_ids, p_debtor_ids, p_amounts, p_locks) as k (creditor_id, debtor_id, amount, lock)
    where (k.amount is null or v_revised < v_verdicts)
      and l.ctid = k.lock
      and l.creditor_id = k.creditor_id
      and l.debtor_id = k.debtor_id
      and l.turn_id = p_turn_id
      and l.finalized_at is null
      and not l.has_been_revised
    returning l.creditor_id, l.debtor_id, l.transfer_id, l.coordinator_request_id, l.collector_id
  ),
  dismissed as (
    insert into outbox.finalize_transfer (
      creditor_id, debtor_id, transfer_id, coordinator_id, coordinator_request_id,
      committed_amount, transfer_note_format, transfer_note, ts
    )
    select d.creditor_id, d.debtor_id, d.transfer_id, d.creditor_id, d.coordinator_request_id, 0, '', '', v_now
    from deleted as d
    where d.transfer_id is not null and d.collector_id <> d.creditor_id
  )
  select array_agg(d.creditor_id), array_agg(d.debtor_id)
  into v_deleted_creditor_ids, v_deleted_debtor_ids
  from deleted as d;

  if v_exceeding > 0 or v_revised < v_verdicts then
    perform worker._report_odd_verdicts(
      p_turn_id, p_creditor_ids, p_debtor_ids, p_amounts, p_collector_ids, v_exceeding,
      v_deleted_creditor_ids, v_deleted_debtor_ids
    );
  end if;
  return v_revised + coalesce(cardinality(v_deleted_creditor_ids), 0);
end
$$;

comment on function worker._revise_locks is
  'Gives the verdict on accounts (aligned arrays, none twice, sorted) in a turn: sellers commit, buyers wait, all '
  'others are dismissed and forgotten. Each has the tokens and the collector of its verdict, null when there is none, '
  'the tokens that are locked and the place of the lock, null when there is none. Returns the number of locks changed '
  'or deleted. Called by apply_revise_account_lock and revise_account_locks, which have consumed the verdicts.';

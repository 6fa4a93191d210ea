-- The solver's verdicts of the lane go straight from staging to the locks; creditor_participation holds those that came
-- otherwise. Verdicts without a lock are included: their collectors must hear that nobody will pay.
create or replace function worker.revise_account_locks(p_turn_id integer, p_lane integer)
  returns integer
  language plpgsql
  set plan_cache_mode = force_custom_plan
  -- Hash joins only. With stale statistics a nested loop reads one big set for each row of another, and a merge join
  -- walks the index of all locks instead of their pages.
  set enable_nestloop = off
  set enable_mergejoin = off
  set jit = off
as $$
declare
  v_lane_mask integer;
  v_realm_mask integer;
  v_realm integer;
  v_creditor_ids bigint[];
  v_debtor_ids bigint[];
  v_amounts bigint[];
  v_collector_ids bigint[];
  v_locked_amounts bigint[];
  v_locks tid[];
begin
  select c.lane_count - 1, c.realm_mask, c.realm
  into v_lane_mask, v_realm_mask, v_realm
  from worker.configuration as c;

  with waiting as (
    delete from worker.creditor_participation as p
    where p.turn_id = p_turn_id
      and (p.key_hash & v_lane_mask) = p_lane
      and (p.key_hash & v_realm_mask) = v_realm
    returning p.creditor_id, p.debtor_id, p.amount, p.collector_id
  ),
  verdict as (
    select w.creditor_id, w.debtor_id, w.amount, w.collector_id from waiting as w
    union all
    -- Of a single token nothing would be left after the cut.
    select s.creditor_id, s.debtor_id, s.amount, s.collector_id
    from worker.staged_participation as s
    where s.turn_id = p_turn_id
      and (s.key_hash & v_lane_mask) = p_lane
      and (s.key_hash & v_realm_mask) = v_realm
      and (s.amount < 0 or s.amount > 1)
  ),
  lock as (
    select l.creditor_id, l.debtor_id, l.amount, l.ctid as place
    from worker.account_lock as l
    where l.turn_id = p_turn_id
      and l.finalized_at is null
      and not l.has_been_revised
      and (l.key_hash & v_lane_mask) = p_lane
      and (l.key_hash & v_realm_mask) = v_realm
  )
  select
    array_agg(k.creditor_id), array_agg(k.debtor_id), array_agg(k.amount), array_agg(k.collector_id),
    array_agg(k.locked_amount), array_agg(k.place)
  into v_creditor_ids, v_debtor_ids, v_amounts, v_collector_ids, v_locked_amounts, v_locks
  from (
    -- A sale before a purchase, should there be two: a collector waits for it.
    select distinct on (creditor_id, debtor_id)
      creditor_id, debtor_id, v.amount, v.collector_id, l.amount as locked_amount, l.place
    from lock as l
      full join verdict as v using (creditor_id, debtor_id)
    order by creditor_id, debtor_id, v.amount
  ) as k;
  if v_creditor_ids is null then
    return 0;
  end if;
  return worker._revise_locks(
    p_turn_id, v_creditor_ids, v_debtor_ids, v_amounts, v_collector_ids, v_locked_amounts, v_locks
  );
end
$$;

comment on function worker.revise_account_locks is
  'Gives the verdict on all accounts of one lane that are engaged in a turn. Returns the number of locks changed or '
  'deleted. Called by the lane step of 3/0, under the lane''s lock, when the solver rows are staged.';

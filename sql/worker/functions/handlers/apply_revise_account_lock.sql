create or replace function worker.apply_revise_account_lock(p_messages jsonb[])
  returns void
  language plpgsql
  set plan_cache_mode = force_custom_plan
as $$
declare
  v_turn_id integer;
  v_creditor_ids bigint[];
  v_debtor_ids bigint[];
  v_amounts bigint[];
  v_collector_ids bigint[];
  v_locked_amounts bigint[];
  v_locks tid[];
begin
  for v_turn_id, v_creditor_ids, v_debtor_ids, v_amounts, v_collector_ids, v_locked_amounts, v_locks in
    with message as materialized (
      select x.turn_id, x.creditor_id, x.debtor_id
      from unnest(p_messages) as m (message)
      cross join lateral jsonb_to_record(m.message) as x (turn_id integer, creditor_id bigint, debtor_id bigint)
      order by x.creditor_id, x.debtor_id
    ),
    verdict as (
      delete from worker.creditor_participation as p
      using message as m
      where p.creditor_id = m.creditor_id and p.debtor_id = m.debtor_id and p.turn_id = m.turn_id
      returning p.turn_id, p.creditor_id, p.debtor_id, p.amount, p.collector_id
    )
    select
      m.turn_id,
      array_agg(m.creditor_id order by m.creditor_id, m.debtor_id),
      array_agg(m.debtor_id order by m.creditor_id, m.debtor_id),
      array_agg(v.amount order by m.creditor_id, m.debtor_id),
      array_agg(v.collector_id order by m.creditor_id, m.debtor_id),
      array_agg(l.amount order by m.creditor_id, m.debtor_id),
      array_agg(l.ctid order by m.creditor_id, m.debtor_id)
    from message as m
    left join verdict as v using (turn_id, creditor_id, debtor_id)
    left join worker.account_lock as l using (creditor_id, debtor_id)
    group by m.turn_id
    order by m.turn_id
  loop
    perform worker._revise_locks(
      v_turn_id, v_creditor_ids, v_debtor_ids, v_amounts, v_collector_ids, v_locked_amounts, v_locks
    );
  end loop;
end
$$;

comment on function worker.apply_revise_account_lock is
  'Handler of ReviseAccountLock, which shards of the original send to themselves. Called by the drain.';

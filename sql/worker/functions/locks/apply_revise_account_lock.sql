create or replace function worker.apply_revise_account_lock(p_messages jsonb[])
  returns void
  language plpgsql
  set plan_cache_mode = force_custom_plan
as $$
declare
  v_turn_id integer;
  v_creditor_ids bigint[];
  v_debtor_ids bigint[];
begin
  for v_turn_id, v_creditor_ids, v_debtor_ids in
    select
      x.turn_id,
      array_agg(x.creditor_id order by x.creditor_id, x.debtor_id),
      array_agg(x.debtor_id order by x.creditor_id, x.debtor_id)
    from unnest(p_messages) as m (message)
    cross join lateral jsonb_to_record(m.message) as x (turn_id integer, creditor_id bigint, debtor_id bigint)
    group by x.turn_id
    order by x.turn_id
  loop
    perform worker._revise_locks(v_turn_id, v_creditor_ids, v_debtor_ids);
  end loop;
end
$$;

comment on function worker.apply_revise_account_lock is
  'Handler of ReviseAccountLock, which shards of the original send to themselves. Called by the drain.';

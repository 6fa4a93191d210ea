create or replace function worker._report_odd_verdicts(
  p_turn_id integer,
  p_creditor_ids bigint[],
  p_debtor_ids bigint[],
  p_amounts bigint[],
  p_collector_ids bigint[],
  p_exceeding integer,
  p_deleted_creditor_ids bigint[],
  p_deleted_debtor_ids bigint[]
)
  returns void
  language plpgsql
  set plan_cache_mode = force_custom_plan
  set enable_indexscan = on
as $$
declare
  v_dropped integer;
  v_payer_ids bigint[];
  v_debtor_ids bigint[];
  v_collector_ids bigint[];
begin
  if p_exceeding > 0 then
    raise warning 'verdicts exceed the amounts of their locks'
      using detail = format('turn %s: %s; sellers give what they locked, buyers get it all', p_turn_id, p_exceeding);
  end if;

  select count(*) into v_dropped
  from unnest(p_creditor_ids, p_debtor_ids, p_amounts) as p (creditor_id, debtor_id, amount)
  join unnest(p_deleted_creditor_ids, p_deleted_debtor_ids) as d (creditor_id, debtor_id)
    on d.creditor_id = p.creditor_id and d.debtor_id = p.debtor_id
  where p.amount is not null;
  if v_dropped > 0 then
    raise warning 'verdicts do not fit their locks, or came after the collection deadline'
      using detail = format('turn %s: %s; the locks are dismissed', p_turn_id, v_dropped);
  end if;

  -- G31: collectors that wait for a payment which will never come. A settled or released lock has paid, or is about to.
  select array_agg(p.creditor_id), array_agg(p.debtor_id), array_agg(p.collector_id)
  into v_payer_ids, v_debtor_ids, v_collector_ids
  from unnest(p_creditor_ids, p_debtor_ids, p_amounts, p_collector_ids)
    as p (creditor_id, debtor_id, amount, collector_id)
  where p.amount < 0
    and p.collector_id <> p.creditor_id
    and not exists (
      select from worker.account_lock as l
      where l.creditor_id = p.creditor_id
        and l.debtor_id = p.debtor_id
        and l.turn_id = p_turn_id
        and l.finalized_at is not null
    );
  if v_payer_ids is not null then
    perform worker.send_unpaid_notices(
      'collecting', array_fill(p_turn_id, array[cardinality(v_payer_ids)]), v_collector_ids, v_debtor_ids, v_payer_ids
    );
  end if;
end
$$;

comment on function worker._report_odd_verdicts is
  'Warns of verdicts (aligned arrays: account, tokens or null, collector) that their locks could not honour, and tells '
  'collectors which sellers will never pay. p_exceeding: how many were bigger than their lock; p_deleted_…: '
  'accounts whose lock was deleted. Called by _revise_locks.';

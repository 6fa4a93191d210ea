create or replace function worker.forget_turns(p_turn_ids integer[])
  returns integer
  language plpgsql
as $$
declare
  v_lost integer[];
  v_hashes integer[];
  v_messages jsonb[];
  v_turn_ids integer[];
  v_collector_ids bigint[];
  v_debtor_ids bigint[];
  v_payer_ids bigint[];
begin
  perform worker.lock_turn_exclusive(w.turn_id)
  from (
    select t.turn_id from worker.worker_turn as t where t.turn_id = any(p_turn_ids) order by t.turn_id
  ) as w;
  with lost as (
    update worker.worker_turn as w
    set
      phase = 3,
      worker_turn_subphase = 10,
      phase_deadline = null,
      collection_started_at = coalesce(w.collection_started_at, worker.now()),
      collection_deadline = coalesce(w.collection_deadline, worker.now()),
      is_lost = true
    where w.turn_id = any(p_turn_ids) and worker.awaits_result(w)
    returning w.turn_id
  )
  select array_agg(l.turn_id) into v_lost from lost as l;
  delete from worker.turn_needed_currency where turn_id = any(v_lost);
  perform worker.clear_staging(l.turn_id, 2) from unnest(v_lost) as l (turn_id);
  -- Nothing waits for the payments that will not come.
  delete from worker.early_arrival where turn_id = any(v_lost) and amount is null;

  -- Another shard may have got the result, and wait for these sellers: they will never pay. What this database may have
  -- forgotten is left to time and operators.
  select array_agg(l.turn_id), array_agg(l.collector_id), array_agg(l.debtor_id), array_agg(l.creditor_id)
  into v_turn_ids, v_collector_ids, v_debtor_ids, v_payer_ids
  from worker.account_lock as l
  where l.turn_id = any(v_lost)
    and l.finalized_at is null
    and not l.has_been_revised
    and l.amount < 0
    and l.collector_id <> l.creditor_id
    and worker.in_realm(l.key_hash)
    and (l.turn_id <= worker.doubtful_turns()) is not true;
  perform worker.send_unpaid_notices('collecting', v_turn_ids, v_collector_ids, v_debtor_ids, v_payer_ids);

  -- No step 3/0 will ever free the accounts of these turns. Nothing was arranged for them, so they are all dismissed.
  select
    array_agg(l.key_hash order by l.creditor_id, l.debtor_id),
    array_agg(
      jsonb_build_object(
        'type', 'ReviseAccountLock',
        'creditor_id', l.creditor_id,
        'debtor_id', l.debtor_id,
        'turn_id', l.turn_id,
        'ts', worker.now()
      )
      order by l.creditor_id, l.debtor_id
    )
  into v_hashes, v_messages
  from worker.account_lock as l
  where l.turn_id = any(v_lost)
    and l.finalized_at is null
    and not l.has_been_revised
    and worker.in_realm(l.key_hash);
  perform worker.send_internal('ReviseAccountLock', v_hashes, v_messages);
  return coalesce(cardinality(v_lost), 0);
end
$$;

comment on function worker.forget_turns is
  'Gives up turns that the solver does not know any more, or closed by force, before their results were taken over: '
  'they are lost, and their account locks are dismissed; collectors, whose shards may know the result, hear that the '
  'sellers will never pay. Returns how many they were. Called by the worker''s turn loop.';

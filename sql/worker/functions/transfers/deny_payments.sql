create or replace function worker.deny_payments(p_attempts worker.transfer_attempt_key[])
  returns integer
  language plpgsql
as $$
declare
  v_earliest_turn_id integer := (select min(w.turn_id) from worker.worker_turn as w);
  v_doubtful_turns integer := worker.doubtful_turns();
  v_turn_ids integer[];
  v_payer_ids bigint[];
  v_debtor_ids bigint[];
  v_receiver_ids bigint[];
begin
  select array_agg(k.turn_id), array_agg(k.collector_id), array_agg(k.debtor_id), array_agg(k.creditor_id)
  into v_turn_ids, v_payer_ids, v_debtor_ids, v_receiver_ids
  from unnest(p_attempts) as k
  where not k.is_dispatching
    -- Of earlier turns this shard may have known more.
    and k.turn_id >= v_earliest_turn_id
    and (k.turn_id <= v_doubtful_turns) is not true
    and worker.is_lost_turn(k.turn_id)
    and not exists (
      select
      from worker.transfer_attempt as a
      where a.collector_id = k.collector_id
        and a.turn_id = k.turn_id
        and a.debtor_id = k.debtor_id
        and a.creditor_id = k.creditor_id
        and not a.is_dispatching
    )
    and not exists (
      select
      from worker.worker_sending as s
      where s.from_collector_id = k.collector_id
        and s.turn_id = k.turn_id
        and s.debtor_id = k.debtor_id
        and s.to_collector_id = k.creditor_id
    );
  perform worker.send_unpaid_notices('sending', v_turn_ids, v_receiver_ids, v_debtor_ids, v_payer_ids);
  return coalesce(cardinality(v_turn_ids), 0);
end
$$;

comment on function worker.deny_payments is
  'Tells collectors of other shards that payments which they ask for (worker.scan_worker_receivings) will never come, '
  'because the result of the turn never came here. Returns how many payments. Not what this database may have '
  'forgotten. Called by worker.apply_trigger_transfer.';

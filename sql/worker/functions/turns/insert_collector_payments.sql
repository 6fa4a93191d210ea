create or replace function worker.insert_collector_payments(p_turn_id integer, p_lane integer)
  returns void
  language plpgsql
as $$
declare
  v_config worker.configuration;
  v_deadline timestamptz;
begin
  select * into v_config from worker.configuration;
  select collection_deadline into v_deadline from worker.worker_turn where turn_id = p_turn_id;

  with payment as materialized (
    -- What a collector takes from itself or gives to itself does not move. Single tokens would not survive the cut.
    select case when collector_id = other_id then 'own' else kind end as kind, collector_id, debtor_id, other_id, amount
    from worker.staged_collector_payment
    where turn_id = p_turn_id
      and (key_hash & (v_config.lane_count - 1)) = p_lane
      and (key_hash & v_config.realm_mask) = v_config.realm
      and (kind = 'collecting' or collector_id <> other_id and amount > 1)
    -- The order of the primary keys, which all begin with these.
    order by collector_id, debtor_id, other_id
  ),
  collecting as (
    insert into worker.worker_collecting (collector_id, turn_id, debtor_id, creditor_id, amount, purge_after)
    select collector_id, p_turn_id, debtor_id, other_id, amount, v_deadline + v_config.collecting_slack
    from payment
    where kind = 'collecting'
  ),
  sending as (
    insert into worker.worker_sending (from_collector_id, turn_id, debtor_id, to_collector_id, amount, purge_after)
    select collector_id, p_turn_id, debtor_id, other_id, amount, v_deadline + v_config.sending_slack
    from payment
    where kind = 'sending'
  ),
  receiving as (
    insert into worker.worker_receiving (
      to_collector_id, turn_id, debtor_id, from_collector_id, expected_amount, purge_after
    )
    select collector_id, p_turn_id, debtor_id, other_id, amount, v_deadline + v_config.sending_slack
    from payment
    where kind = 'receiving'
  ),
  dispatching as (
    insert into worker.worker_dispatching (collector_id, turn_id, debtor_id, creditor_id, amount, purge_after)
    select collector_id, p_turn_id, debtor_id, other_id, amount, v_deadline + v_config.dispatching_slack
    from payment
    where kind = 'dispatching'
  ),
  total as (
    select
      collector_id,
      debtor_id,
      worker.clamp64(coalesce(sum(amount) filter (where kind = 'collecting'), 0)) as to_collect,
      worker.clamp64(coalesce(sum(amount) filter (where kind = 'own'), 0)) as self_taken,
      worker.clamp64(coalesce(sum(amount) filter (where kind = 'sending'), 0)) as to_send,
      worker.clamp64(coalesce(sum(amount) filter (where kind = 'receiving'), 0)) as to_receive,
      count(*) filter (where kind = 'receiving') as to_receive_from,
      worker.clamp64(coalesce(sum(amount) filter (where kind = 'dispatching'), 0)) as to_dispatch
    from payment
    group by collector_id, debtor_id
    having bool_or(kind <> 'own')
  )
  insert into worker.dispatching_status (
    collector_id, turn_id, debtor_id, inserted_at,
    amount_to_collect, amount_to_send, amount_to_receive, number_to_receive, amount_to_dispatch, self_taken_amount
  )
  select
    collector_id,
    p_turn_id,
    debtor_id,
    worker.now(),
    to_collect,
    -- Nothing that the solver may arrange must stop the turn.
    least(to_send, worker.clamp64(to_collect::numeric + self_taken)),
    to_receive,
    to_receive_from,
    to_dispatch,
    self_taken
  from total;
end
$$;

comment on function worker.insert_collector_payments is
  'Takes over the payments of a turn from and to the collectors of a lane, and starts the record of their progress. '
  'Called by worker.settle_lane.';

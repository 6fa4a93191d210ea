create or replace function worker.start_sendings(p_statuses worker.dispatching_key[])
  returns integer
  language plpgsql
as $$
declare
  v_doubtful integer := worker.doubtful_turns();
  v_started integer;
  v_attempts worker.transfer_attempt_key[];
  v_turns integer[];
  v_receivers bigint[];
  v_debtors bigint[];
  v_payers bigint[];
begin
  with started as (
    update worker.dispatching_status as s
    set
      total_collected_amount = least(s.amount_to_collect, worker.clamp64((
        select coalesce(sum(c.amount), 0)
        from worker.worker_collecting as c
        where c.collector_id = s.collector_id
          and c.turn_id = s.turn_id
          and c.debtor_id = s.debtor_id
          and c.collected
      ))),
      started_sending = true,
      awaiting_signal_flag = false
    from unnest(p_statuses) as k
    where s.collector_id = k.collector_id
      and s.turn_id = k.turn_id
      and s.debtor_id = k.debtor_id
      and not s.started_sending
    returning s.*
  ),
  counted as (
    delete from worker.worker_collecting as c
    using started as s
    where c.collector_id = s.collector_id
      and c.turn_id = s.turn_id
      and c.debtor_id = s.debtor_id
  ),
  share as materialized (
    select
      w.from_collector_id as collector_id,
      w.turn_id,
      w.debtor_id,
      w.to_collector_id as creditor_id,
      w.amount::float8 * coalesce(a.available_to_send::float8 / nullif(s.amount_to_send, 0)::float8, 0) as nominal_amount,
      coalesce(t.collection_started_at, s.inserted_at) as collection_started_at
    from started as s
    cross join lateral worker.available_amounts(
      s.amount_to_collect, s.amount_to_send, s.amount_to_receive, s.amount_to_dispatch, s.total_collected_amount, null
    ) as a
    join worker.worker_sending as w
      on w.from_collector_id = s.collector_id
      and w.turn_id = s.turn_id
      and w.debtor_id = s.debtor_id
    left join worker.worker_turn as t on t.turn_id = s.turn_id
    order by 1, 2, 3, 4
  ),
  attempted as (
    insert into worker.transfer_attempt (
      collector_id, turn_id, debtor_id, creditor_id, is_dispatching, nominal_amount, collection_started_at, inserted_at,
      held_at, held_until
    )
    select
      h.collector_id, h.turn_id, h.debtor_id, h.creditor_id, false, h.nominal_amount, h.collection_started_at,
      worker.now(),
      case when h.turn_id <= v_doubtful then worker.now() end,
      case when h.turn_id <= v_doubtful then worker.doubt_ends_at(0) end
    from share as h
    where h.nominal_amount >= 1.0
    on conflict do nothing
    returning collector_id, turn_id, debtor_id, creditor_id, is_dispatching
  ),
  -- Too little is left for these: no payment will ever be made.
  dropped as (
    delete from worker.worker_sending as w
    using share as h
    where h.nominal_amount < 1.0
      and w.from_collector_id = h.collector_id
      and w.turn_id = h.turn_id
      and w.debtor_id = h.debtor_id
      and w.to_collector_id = h.creditor_id
    returning w.from_collector_id, w.turn_id, w.debtor_id, w.to_collector_id
  ),
  notice as (
    select
      array_agg(d.turn_id) as turn_ids,
      array_agg(d.to_collector_id) as receiver_ids,
      array_agg(d.debtor_id) as debtor_ids,
      array_agg(d.from_collector_id) as payer_ids
    from dropped as d
  )
  select
    (select count(*) from started),
    (
      select array_agg(
        row(a.collector_id, a.turn_id, a.debtor_id, a.creditor_id, a.is_dispatching)::worker.transfer_attempt_key
      )
      from attempted as a
    ),
    n.turn_ids,
    n.receiver_ids,
    n.debtor_ids,
    n.payer_ids
  into v_started, v_attempts, v_turns, v_receivers, v_debtors, v_payers
  from notice as n;

  perform worker.send_account_id_requests(v_attempts);
  perform worker.send_unpaid_notices('sending', v_turns, v_receivers, v_debtors, v_payers);
  return v_started;
end
$$;

comment on function worker.start_sendings is
  'Ends the collecting phase of the given statuses and begins to pay other collectors, in proportion to what was '
  'collected. Returns how many had not done so before. The caller has checked that they may. '
  'Called by worker.advance_statuses and worker.apply_start_sending.';

create or replace function worker.start_dispatchings(p_statuses worker.dispatching_key[])
  returns integer
  language plpgsql
as $$
declare
  v_doubtful integer := worker.doubtful_turns();
  v_started integer;
  v_attempts worker.transfer_attempt_key[];
begin
  with started as (
    update worker.dispatching_status as s
    set
      total_received_amount = worker.clamp64((
        select coalesce(sum(r.received_amount), 0)
        from worker.worker_receiving as r
        where r.to_collector_id = s.collector_id
          and r.turn_id = s.turn_id
          and r.debtor_id = s.debtor_id
      )),
      started_dispatching = true,
      awaiting_signal_flag = false
    from unnest(p_statuses) as k
    where s.collector_id = k.collector_id
      and s.turn_id = k.turn_id
      and s.debtor_id = k.debtor_id
      and s.all_sent
      and not s.started_dispatching
    returning s.*
  ),
  counted as (
    delete from worker.worker_receiving as r
    using started as s
    where r.to_collector_id = s.collector_id
      and r.turn_id = s.turn_id
      and r.debtor_id = s.debtor_id
  ),
  share as materialized (
    select
      w.collector_id,
      w.turn_id,
      w.debtor_id,
      w.creditor_id,
      w.amount::float8 * (a.available_to_dispatch::float8 / s.amount_to_dispatch::float8) as nominal_amount,
      coalesce(t.collection_started_at, s.inserted_at) as collection_started_at
    from started as s
    cross join lateral worker.available_amounts(
      s.amount_to_collect,
      s.amount_to_send,
      s.amount_to_receive,
      s.amount_to_dispatch,
      s.total_collected_amount,
      s.total_received_amount
    ) as a
    join worker.worker_dispatching as w
      on w.collector_id = s.collector_id
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
      h.collector_id, h.turn_id, h.debtor_id, h.creditor_id, true, h.nominal_amount, h.collection_started_at,
      worker.now(),
      case when h.turn_id <= v_doubtful then worker.now() end,
      case when h.turn_id <= v_doubtful then worker.doubt_ends_at(0) end
    from share as h
    where h.nominal_amount >= 1.0
    on conflict do nothing
    returning collector_id, turn_id, debtor_id, creditor_id, is_dispatching
  ),
  -- Too little is left for these buyers: no payment will ever be made.
  dropped as (
    delete from worker.worker_dispatching as w
    using share as h
    where h.nominal_amount < 1.0
      and w.collector_id = h.collector_id
      and w.turn_id = h.turn_id
      and w.debtor_id = h.debtor_id
      and w.creditor_id = h.creditor_id
  )
  select
    (select count(*) from started),
    (
      select array_agg(
        row(a.collector_id, a.turn_id, a.debtor_id, a.creditor_id, a.is_dispatching)::worker.transfer_attempt_key
      )
      from attempted as a
    )
  into v_started, v_attempts;

  perform worker.send_account_id_requests(v_attempts);
  return v_started;
end
$$;

comment on function worker.start_dispatchings is
  'Ends the receiving phase of the given statuses and begins to pay the buyers, in proportion to what was collected '
  'and received. Returns how many had not done so before. The caller has checked that they may. '
  'Called by worker.advance_statuses and worker.apply_start_dispatching.';

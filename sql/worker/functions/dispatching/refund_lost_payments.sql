create or replace function worker.refund_lost_payments(
  p_turn_id integer,
  p_decided_by text default session_user,
  p_debtor_id bigint default null,
  p_collector_id bigint default null,
  p_is_settled boolean default false
)
  returns integer
  language plpgsql
as $$
declare
  v_attempts worker.transfer_attempt_key[];
  v_settled integer;
begin
  if not worker.is_lost_turn(p_turn_id) then
    return 0;
  end if;
  if p_is_settled then
    update worker.early_arrival as e
    set refunded_at = worker.now(), refunded_by = p_decided_by
    where e.kind in ('collecting', 'sending')
      and e.turn_id = p_turn_id
      and (p_debtor_id is null or e.debtor_id = p_debtor_id)
      and (p_collector_id is null or e.collector_id = p_collector_id)
      and e.amount is not null
      and e.refunded_at is null
      and worker.in_realm(e.key_hash);
    get diagnostics v_settled = row_count;
    return v_settled;
  end if;
  with payment as materialized (
    select e.collector_id, e.debtor_id, e.other_id, e.amount, e.inserted_at
    from worker.early_arrival as e
    where e.kind in ('collecting', 'sending')
      and e.turn_id = p_turn_id
      and (p_debtor_id is null or e.debtor_id = p_debtor_id)
      and (p_collector_id is null or e.collector_id = p_collector_id)
      and e.amount is not null
      and e.refunded_at is null
      and worker.in_realm(e.key_hash)
      and worker.paid_out(e) = 0
    order by e.kind collate "C", e.collector_id, e.debtor_id, e.other_id
    for update
  ),
  refund as materialized (
    select p.collector_id, p.debtor_id, p.other_id, worker.clamp64(sum(p.amount)) as amount,
      min(p.inserted_at) as inserted_at
    from payment as p
    group by p.collector_id, p.debtor_id, p.other_id
    order by p.collector_id, p.debtor_id, p.other_id
  ),
  attempted as (
    insert into worker.transfer_attempt (
      collector_id, turn_id, debtor_id, creditor_id, is_dispatching, is_refund, nominal_amount, collection_started_at,
      inserted_at
    )
    select
      r.collector_id,
      p_turn_id,
      r.debtor_id,
      r.other_id,
      true,
      true,
      -- Not above the amount: doubles hold all integers up to 2^53, and above it all multiples of 1024.
      case when r.amount < 9007199254740992 then r.amount else r.amount & ~1023::bigint end,
      -- Demurrage has been at it since then.
      r.inserted_at,
      worker.now()
    from refund as r
    on conflict do nothing
    returning collector_id, turn_id, debtor_id, creditor_id, is_dispatching
  ),
  noted as (
    update worker.early_arrival as e
    set refunded_at = worker.now(), refunded_by = p_decided_by
    from attempted as a
    where e.kind in ('collecting', 'sending')
      and e.collector_id = a.collector_id
      and e.turn_id = a.turn_id
      and e.debtor_id = a.debtor_id
      and e.other_id = a.creditor_id
      and e.amount is not null
      and e.refunded_at is null
  )
  select array_agg(
    row(a.collector_id, a.turn_id, a.debtor_id, a.creditor_id, a.is_dispatching)::worker.transfer_attempt_key
  )
  into v_attempts
  from attempted as a;
  perform worker.send_account_id_requests(v_attempts);
  if cardinality(v_attempts) > 0 then
    perform worker.note_action(
      p_decided_by,
      'refunded a lost turn',
      jsonb_build_object('turn', p_turn_id, 'payments', cardinality(v_attempts))
    );
  end if;
  return coalesce(cardinality(v_attempts), 0);
end
$$;

comment on function worker.refund_lost_payments is
  'Begins to pay back what came in for a lost turn, in one currency or all of them, to one collector or all of them, '
  'each payment once, whole and without a cut; returns how many payments it makes. What collectors have paid out '
  '(worker.paid_out) is left alone. p_is_settled: nothing is paid, the payments only leave the list of open ones. '
  '0 for a turn that is not lost here. Called by operators.';

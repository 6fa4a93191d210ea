create or replace function worker.refund_lost_payments(p_turn_id integer, p_decided_by text default session_user)
  returns integer
  language plpgsql
as $$
declare
  v_attempts worker.transfer_attempt_key[];
begin
  if not worker.is_lost_turn(p_turn_id) then
    return 0;
  end if;
  with payment as materialized (
    select e.collector_id, e.debtor_id, e.other_id, e.amount, e.inserted_at
    from worker.early_arrival as e
    where e.turn_id = p_turn_id
      and e.amount is not null
      and e.refunded_at is null
      and worker.in_realm(e.key_hash)
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
    where e.collector_id = a.collector_id
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
  return coalesce(cardinality(v_attempts), 0);
end
$$;

comment on function worker.refund_lost_payments is
  'Begins to pay back what came in for a lost turn, each payment once, whole and without a cut; returns how many '
  'payments it makes. 0 for a turn that is not lost here. Called by operators.';

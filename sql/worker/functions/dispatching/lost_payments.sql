create or replace function worker.lost_payments()
  returns table (
    kind text,
    turn_id integer,
    debtor_id bigint,
    collector_id bigint,
    other_id bigint,
    amount bigint,
    inserted_at timestamptz,
    refunded_at timestamptz,
    refunded_by text,
    paid_out bigint
  )
  language sql
  security definer
  stable
begin atomic
  select
    e.kind, e.turn_id, e.debtor_id, e.collector_id, e.other_id, e.amount, e.inserted_at, e.refunded_at, e.refunded_by,
    worker.paid_out(e)
  from worker.early_arrival as e
  where e.kind in ('collecting', 'sending')
    and e.amount is not null
    and worker.in_realm(e.key_hash)
    and worker.is_lost_turn(e.turn_id)
  order by e.turn_id, e.debtor_id, e.collector_id, e.kind collate "C", e.other_id;
end;

comment on function worker.lost_payments is
  'Payments that reached collectors of this shard for turns whose result will never come here, also those that were '
  'refunded, as long as they are kept. paid_out: see worker.paid_out. Called by operators and the metrics server.';

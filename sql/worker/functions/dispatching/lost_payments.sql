create or replace function worker.lost_payments()
  returns setof worker.early_arrival
  language sql
  security definer
  stable
begin atomic
  select e.*
  from worker.early_arrival as e
  where e.amount is not null and worker.in_realm(e.key_hash) and worker.is_lost_turn(e.turn_id)
  order by e.turn_id, e.debtor_id, e.collector_id, e.kind collate "C", e.other_id;
end;

comment on function worker.lost_payments is
  'Payments that reached collectors of this shard for turns whose result will never come here, also those that were '
  'refunded, as long as they are kept. Called by operators and the metrics server.';

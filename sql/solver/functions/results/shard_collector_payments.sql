create or replace function solver.shard_collector_payments(p_turn_id integer, p_first_hash integer, p_last_hash integer)
  returns table (kind text, collector_id bigint, debtor_id bigint, other_id bigint, amount bigint)
  language sql
  stable
begin atomic
  select 'collecting', c.collector_id, c.debtor_id, c.creditor_id, c.amount
  from solver.collector_collecting as c
  where c.turn_id = p_turn_id and c.collector_hash between p_first_hash and p_last_hash
  union all
  select 'sending', s.from_collector_id, s.debtor_id, s.to_collector_id, s.amount
  from solver.collector_sending as s
  where s.turn_id = p_turn_id and s.from_collector_hash between p_first_hash and p_last_hash
  union all
  select 'receiving', r.to_collector_id, r.debtor_id, r.from_collector_id, r.amount
  from solver.collector_receiving as r
  where r.turn_id = p_turn_id and r.to_collector_hash between p_first_hash and p_last_hash
  union all
  select 'dispatching', d.collector_id, d.debtor_id, d.creditor_id, d.amount
  from solver.collector_dispatching as d
  where d.turn_id = p_turn_id and d.collector_hash between p_first_hash and p_last_hash
  union all
  select f.kind, f.owner_id, f.debtor_id, f.other_id, f.amount
  from solver.fetched_result as f
  where f.turn_id = p_turn_id
    and f.owner_hash between p_first_hash and p_last_hash
    and f.kind in ('collecting', 'sending', 'receiving', 'dispatching');
end;

comment on function solver.shard_collector_payments is
  'The payments of a turn from and to the collectors of one shard, given as a range of 16-bit hashes. other_id is the '
  'other side of the payment. Also what that shard had deleted. Called by the exchange, which copies them to the '
  'shard.';

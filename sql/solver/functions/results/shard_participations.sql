create or replace function solver.shard_participations(p_turn_id integer, p_first_hash integer, p_last_hash integer)
  returns table (creditor_id bigint, debtor_id bigint, amount bigint, collector_id bigint)
  language sql
  stable
begin atomic
  select t.creditor_id, t.debtor_id, -t.amount, t.collector_id
  from solver.creditor_taking as t
  where t.turn_id = p_turn_id and t.creditor_hash between p_first_hash and p_last_hash
  union all
  select g.creditor_id, g.debtor_id, g.amount, g.collector_id
  from solver.creditor_giving as g
  where g.turn_id = p_turn_id and g.creditor_hash between p_first_hash and p_last_hash
  union all
  select f.owner_id, f.debtor_id, case f.kind when 'taking' then -f.amount else f.amount end, f.other_id
  from solver.fetched_result as f
  where f.turn_id = p_turn_id
    and f.owner_hash between p_first_hash and p_last_hash
    and f.kind in ('taking', 'giving');
end;

comment on function solver.shard_participations is
  'What a turn takes from (amount < 0) and gives to (amount > 0) the accounts of one shard, given as a range of '
  '16-bit hashes. Also what that shard had deleted. Called by the exchange, which copies it to the shard.';

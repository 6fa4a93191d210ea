create or replace function solver.delete_shard_results(p_turn_id integer, p_first_hash integer, p_last_hash integer)
  returns bigint
  language sql
as $$
  with takings as (
    delete from solver.creditor_taking
    where turn_id = p_turn_id and creditor_hash between p_first_hash and p_last_hash
    returning 1
  ),
  givings as (
    delete from solver.creditor_giving
    where turn_id = p_turn_id and creditor_hash between p_first_hash and p_last_hash
    returning 1
  ),
  collectings as (
    delete from solver.collector_collecting
    where turn_id = p_turn_id and collector_hash between p_first_hash and p_last_hash
    returning 1
  ),
  sendings as (
    delete from solver.collector_sending
    where turn_id = p_turn_id and from_collector_hash between p_first_hash and p_last_hash
    returning 1
  ),
  receivings as (
    delete from solver.collector_receiving
    where turn_id = p_turn_id and to_collector_hash between p_first_hash and p_last_hash
    returning 1
  ),
  dispatchings as (
    delete from solver.collector_dispatching
    where turn_id = p_turn_id and collector_hash between p_first_hash and p_last_hash
    returning 1
  )
  select (select count(*) from takings)
    + (select count(*) from givings)
    + (select count(*) from collectings)
    + (select count(*) from sendings)
    + (select count(*) from receivings)
    + (select count(*) from dispatchings)
$$;

comment on function solver.delete_shard_results is
  'Deletes the results of a turn that one shard, given as a range of 16-bit hashes, has taken over; returns how '
  'many rows. Idempotent. Called by the exchange.';

create or replace function solver.delete_shard_results(p_turn_id integer, p_first_hash integer, p_last_hash integer)
  returns bigint
  language plpgsql
as $$
declare
  v_table text;
  v_kind text;
  v_owner text;
  v_hash text;
  v_other text;
  v_count bigint;
  v_total bigint := 0;
begin
  for v_table, v_kind, v_owner, v_hash, v_other in
    values
      ('creditor_taking', 'taking', 'creditor_id', 'creditor_hash', 'collector_id'),
      ('creditor_giving', 'giving', 'creditor_id', 'creditor_hash', 'collector_id'),
      ('collector_collecting', 'collecting', 'collector_id', 'collector_hash', 'creditor_id'),
      ('collector_sending', 'sending', 'from_collector_id', 'from_collector_hash', 'to_collector_id'),
      ('collector_receiving', 'receiving', 'to_collector_id', 'to_collector_hash', 'from_collector_id'),
      ('collector_dispatching', 'dispatching', 'collector_id', 'collector_hash', 'creditor_id')
  loop
    execute format(
      'with deleted as ('
      '  delete from solver.%1$I where turn_id = $1 and %4$I between $2 and $3'
      '  returning turn_id, %4$I as owner_hash, %3$I as owner_id, debtor_id, %5$I as other_id, amount'
      ')'
      'insert into solver.fetched_result (turn_id, kind, owner_hash, owner_id, debtor_id, other_id, amount)'
      'select d.turn_id, %2$L, d.owner_hash, d.owner_id, d.debtor_id, d.other_id, d.amount from deleted as d',
      v_table, v_kind, v_owner, v_hash, v_other
    )
    using p_turn_id, p_first_hash, p_last_hash;
    get diagnostics v_count = row_count;
    v_total := v_total + v_count;
  end loop;
  return v_total;
end
$$;

comment on function solver.delete_shard_results is
  'Deletes the results of a turn that one shard, given as a range of 16-bit hashes, has taken over; returns how '
  'many rows. A copy is kept for a shard that loses its database. Idempotent. Called by the exchange.';

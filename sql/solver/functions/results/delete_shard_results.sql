create or replace function solver.delete_shard_results(p_turn_id integer, p_first_hash integer, p_last_hash integer)
  returns bigint
  language plpgsql
as $$
declare
  v_table text;
  v_hash text;
  v_count bigint;
  v_total bigint := 0;
begin
  for v_table, v_hash in
    values
      ('creditor_taking', 'creditor_hash'),
      ('creditor_giving', 'creditor_hash'),
      ('collector_collecting', 'collector_hash'),
      ('collector_sending', 'from_collector_hash'),
      ('collector_receiving', 'to_collector_hash'),
      ('collector_dispatching', 'collector_hash')
  loop
    execute format('delete from solver.%I where turn_id = $1 and %I between $2 and $3', v_table, v_hash)
    using p_turn_id, p_first_hash, p_last_hash;
    get diagnostics v_count = row_count;
    v_total := v_total + v_count;
  end loop;
  return v_total;
end
$$;

comment on function solver.delete_shard_results is
  'Deletes the results of a turn that one shard, given as a range of 16-bit hashes, has taken over; returns how '
  'many rows. Idempotent. Called by the exchange.';

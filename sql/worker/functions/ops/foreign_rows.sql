create or replace function worker.foreign_rows()
  returns table (table_name text, row_count bigint)
  language plpgsql
  stable
as $$
declare
  v_mask integer;
  v_realm integer;
  v_schema text;
  v_table text;
begin
  select c.realm_mask, c.realm into v_mask, v_realm from worker.configuration as c;

  -- Found in the catalog, so that no keyed table can be forgotten.
  for v_schema, v_table in
    select n.nspname, t.relname
    from pg_catalog.pg_class as t
      inner join pg_catalog.pg_namespace as n on t.relnamespace = n.oid
      inner join pg_catalog.pg_attribute as a on t.oid = a.attrelid
    where n.nspname = 'worker' and t.relkind = 'r' and a.attname = 'key_hash' and not a.attisdropped
    order by 2
  loop
    return query execute format(
      'select $1, count(*) from %I.%I where (key_hash & $2) <> $3 having count(*) > 0', v_schema, v_table
    )
    using v_schema || '.' || v_table, v_mask, v_realm;
  end loop;

  -- Messages that only the shard of their key may apply or send; all others may leave from any shard.
  for v_table in
    select 'q_inbox_' || l.lane
    from generate_series(0, (select c.lane_count - 1 from worker.configuration as c)) as l (lane)
    union all
    values ('q_solver_request'), ('q_out_configure_account')
  loop
    return query execute format(
      'select $1, count(*) from pgmq.%I where (worker.sharding_hash(message) & $2) <> $3 having count(*) > 0', v_table
    )
    using 'pgmq.' || v_table, v_mask, v_realm;
  end loop;

  return query
    select o.name, count(*)
    from (
      select 'outbox.prepare_transfer', worker.hash32(p.creditor_id) from outbox.prepare_transfer as p
      union all
      select 'outbox.finalize_transfer', worker.hash32(f.creditor_id) from outbox.finalize_transfer as f
      union all
      select 'worker.unroutable_message', worker.sharding_hash(u.message)
      from worker.unroutable_message as u
      where u.message_type in ('ConfigureAccount', 'PrepareTransfer', 'FinalizeTransfer')
    ) as o (name, key_hash)
    where (o.key_hash & v_mask) <> v_realm
    group by o.name;
end
$$;

comment on function worker.foreign_rows is
  'Tables with rows whose key is outside this shard''s realm, and how many; nothing when there are none. '
  'Reads every keyed table from end to end. Called by operators after a shard split.';

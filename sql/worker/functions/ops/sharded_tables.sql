create or replace function worker.sharded_tables()
  returns table (schema_name text, table_name text, key_column text, hash_schema text, hash_function text)
  language sql
  stable
as $$
  -- Found in the catalog, so that no keyed table can be forgotten. The function returns what it is given.
  select n.nspname::text, t.relname::text, 'key_hash', 'pg_catalog', 'int4up'
  from pg_catalog.pg_class as t
    inner join pg_catalog.pg_namespace as n on t.relnamespace = n.oid
    inner join pg_catalog.pg_attribute as a on t.oid = a.attrelid
  where n.nspname = 'worker'
    and t.relkind = 'r'
    and a.attname = 'key_hash'
    and not a.attisdropped
    -- Others hold nothing that lasts, and a standby can not read them.
    and t.relpersistence = 'p'
  union all
  -- Messages that only the shard of their key may apply or send; all others may leave from any shard.
  select 'pgmq', q.name, 'message', 'worker', 'sharding_hash'
  from (
    select 'q_inbox_' || l.lane
    from generate_series(0, (select c.lane_count - 1 from worker.configuration as c)) as l (lane)
    union all
    values ('q_solver_request'), ('q_out_configure_account')
  ) as q (name)
  union all
  values
    ('outbox', 'prepare_transfer', 'creditor_id', 'worker', 'hash32'),
    ('outbox', 'finalize_transfer', 'creditor_id', 'worker', 'hash32'),
    ('worker', 'unroutable_message', 'message', 'worker', 'sender_hash')
  order by 1, 2
$$;

comment on function worker.sharded_tables is
  'Tables whose rows belong to the shard of their key, the column with the key, and the function that makes a hash of '
  'it, null where any shard may have the row. Called by foreign_rows, find_foreign_row and verify_shard_content.';

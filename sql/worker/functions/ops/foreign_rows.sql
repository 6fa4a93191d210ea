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
  v_column text;
  v_hash_schema text;
  v_hash_function text;
begin
  select c.realm_mask, c.realm into v_mask, v_realm from worker.configuration as c;

  for v_schema, v_table, v_column, v_hash_schema, v_hash_function in
    select s.schema_name, s.table_name, s.key_column, s.hash_schema, s.hash_function from worker.sharded_tables() as s
  loop
    execute format(
      'select count(*) from %I.%I where (%I.%I(%I) & $1) <> $2',
      v_schema, v_table, v_hash_schema, v_hash_function, v_column
    )
    into row_count
    using v_mask, v_realm;
    if row_count > 0 then
      table_name := v_schema || '.' || v_table;
      return next;
    end if;
  end loop;
end
$$;

comment on function worker.foreign_rows is
  'Tables with rows whose key is outside this shard''s realm, and how many; nothing when there are none. '
  'Reads every keyed table from end to end. Called by operators after a shard split.';

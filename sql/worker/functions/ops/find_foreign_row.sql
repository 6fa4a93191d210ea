create or replace function worker.find_foreign_row(
  p_schema text,
  p_table text,
  p_first_block bigint,
  p_blocks bigint,
  p_mask integer,
  p_realm integer
)
  returns table (row_count bigint, foreign_row text, is_end boolean)
  language plpgsql
  stable
as $$
declare
  v_first tid := worker.first_row_id(p_first_block);
  v_end tid := worker.first_row_id(p_first_block + p_blocks);
  v_column text;
  v_schema text;
  v_function text;
  v_found tid;
begin
  select s.key_column, s.hash_schema, s.hash_function into strict v_column, v_schema, v_function
  from worker.sharded_tables() as s
  where s.schema_name = p_schema and s.table_name = p_table;

  execute format(
    'select count(*), min(t.ctid) filter (where (%I.%I(%I) & $3) <> $4)'
    ' from %I.%I as t where t.ctid >= $1 and t.ctid < $2',
    v_schema, v_function, v_column, p_schema, p_table
  )
  into row_count, v_found
  using v_first, v_end, p_mask, p_realm;
  if v_found is not null then
    execute format(
      'select left((to_jsonb(t) - ''key_hash'')::text, 500) from %I.%I as t where t.ctid = $1', p_schema, p_table
    )
    into foreign_row
    using v_found;
  end if;
  is_end := p_first_block + p_blocks
    >= pg_relation_size(format('%I.%I', p_schema, p_table)::regclass) / current_setting('block_size')::bigint;
  return next;
end
$$;

comment on function worker.find_foreign_row is
  'Of the rows in p_blocks pages of a table: how many there are, the first one whose key is outside the realm, as '
  'JSON, and whether no pages come after them. Messages without a usable key count as our own. '
  'Called by verify_shard_content.';

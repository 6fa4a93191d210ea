create or replace function solver.compare_with_shard(
  p_binding_key text,
  p_beat bigint,
  p_last_turn_id integer,
  p_contradicted integer[]
)
  returns text
  language sql
  stable
as $$
  select case
    when cardinality(p_contradicted) > 0 then
      format('the shard %s knows other turns %s, or more of them', p_binding_key, p_contradicted)
    when p_last_turn_id > solver.highest_turn() then
      format('the shard %s knows turn %s, the highest one here is %s', p_binding_key, p_last_turn_id,
        solver.highest_turn())
    when p_beat > coalesce((select l.beat from solver.life as l), 0) then
      format('the shard %s has seen this database later than it is', p_binding_key)
  end
$$;

comment on function solver.compare_with_shard is
  'Why a shard''s report shows that this database has stepped back, or null. Called by report_shard.';

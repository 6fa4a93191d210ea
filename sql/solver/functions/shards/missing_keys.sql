create or replace function solver.missing_keys()
  returns setof text
  language sql
  stable
begin atomic
  with recursive part (binding_key) as (
    -- From the whole down, as long as only a part of a part is there.
    select '#' where exists (select from solver.list_shards())
    union all
    select replace(p.binding_key, '#', b.bit || '.#')
    from part as p
    cross join (values ('0'), ('1')) as b (bit)
    where
      exists (select from solver.list_shards() as s where solver.is_key_above(p.binding_key, s.binding_key))
      and not exists (select from solver.list_shards() as s where s.binding_key = p.binding_key)
  )
  select p.binding_key
  from part as p
  where not exists (
    select
    from solver.list_shards() as s
    where s.binding_key = p.binding_key or solver.is_key_above(p.binding_key, s.binding_key)
  )
  order by 1;
end;

comment on function solver.missing_keys is
  'The binding keys that nobody reports, as few as possible. None when nobody has ever reported. Called by '
  'solver.shard_problems.';

create or replace function solver.shard_problems()
  returns table (problem text, binding_key text, detail text)
  language sql
  security definer
  stable
begin atomic
  select 'overlapping' collate "C", s.binding_key collate "C",
    format('%s is a part of %s, and both work', s.binding_key, u.binding_key)
  from solver.list_shards() as s
  join solver.list_shards() as u on solver.is_key_above(u.binding_key, s.binding_key)
  union all
  select 'missing', m.binding_key, format('nobody works for the keys %s', m.binding_key)
  from solver.missing_keys() as m (binding_key)
  union all
  select 'doubled', s.binding_key, format('%s databases work with the key %s', count(*), s.binding_key)
  from solver.list_shards() as s
  group by s.binding_key
  having count(*) > 1
  union all
  select 'silent', s.binding_key, format('%s was last seen at %s', s.binding_key, s.last_seen_at)
  from solver.list_shards() as s
  where s.last_seen_at < solver.now() - interval '1 hour'
  union all
  select 'range', s.binding_key,
    format('%s has the collector IDs %s … %s, others differ', s.binding_key, s.min_collector_id, s.max_collector_id)
  from solver.list_shards() as s
  where exists (
    select
    from solver.list_shards() as o
    where (o.min_collector_id, o.max_collector_id) <> (s.min_collector_id, s.max_collector_id)
  )
  union all
  select 'clock', s.binding_key,
    format(
      'the clock of %s is %s s %s the solver''s', s.binding_key, round(abs(s.clock_difference)::numeric, 1),
      case when s.clock_difference > 0 then 'ahead of' else 'behind' end
    )
  from solver.list_shards() as s
  where abs(s.clock_difference) > 5
  order by 1, 2;
end;

comment on function solver.shard_problems is
  'What is wrong with the registry of shards: keys that overlap, that nobody or more than one database works for, '
  'shards that are silent for an hour, that disagree about collector IDs, or whose clock differs by more than 5 s. '
  'Called by the solver''s turn loop, by operators and the metrics server.';

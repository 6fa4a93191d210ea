create or replace function solver.count_shard_problems()
  returns table (problem text, shards bigint)
  language sql
  security definer
  stable
begin atomic
  select k.problem, count(p.binding_key)
  from unnest(array['overlapping', 'missing', 'doubled', 'silent', 'range', 'clock']) as k (problem)
  left join solver.shard_problems() as p on p.problem = k.problem
  group by k.problem
  order by k.problem collate "C";
end;

comment on function solver.count_shard_problems is
  'How many shards have each problem, 0 included. Called by the metrics server.';

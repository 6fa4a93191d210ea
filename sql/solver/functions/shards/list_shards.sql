create or replace function solver.list_shards()
  returns setof solver.shard
  language sql
  security definer
  stable
begin atomic
  select s.* from solver.shard as s where s.retired_at is null order by s.binding_key collate "C", s.first_seen_at;
end;

comment on function solver.list_shards is
  'The worker databases that work for this installation, as far as they have reported. Called by operators and the '
  'metrics server.';

create or replace function worker.in_realm(p_key_hash integer)
  returns boolean
  language sql
  stable
  parallel safe
begin atomic
  select (p_key_hash & c.realm_mask) = c.realm from worker.configuration as c;
end;

comment on function worker.in_realm is
  'Does this shard own the key with this hash? Called wherever rows or messages of other shards may appear.';

create or replace function worker.lane_of(p_key_hash integer)
  returns integer
  language sql
  stable
  parallel safe
begin atomic
  select p_key_hash & (c.lane_count - 1) from worker.configuration as c;
end;

comment on function worker.lane_of is
  'The lane of a key: the low bits of its hash. The high bits choose the shard, so a shard split moves no lane.';

create or replace function worker.try_lock_lanes()
  returns integer[]
  language sql
begin atomic
  select coalesce(array_agg(l.lane order by l.lane), '{}')
  from worker.configuration as c
  cross join lateral generate_series(0, c.lane_count - 1) as l (lane)
  where worker.try_lock_lane(l.lane);
end;

comment on function worker.try_lock_lanes is
  'Makes this transaction the only one that works on any lane that is free now, and returns these lanes. First '
  'statement of every scan, '
  'so that the next one sees all that others did in them.';

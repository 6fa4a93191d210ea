create or replace function worker.connected_processes()
  returns table (process text, connections bigint, lanes integer[])
  language sql
  security definer
  stable
begin atomic
  select
    substr(a.application_name collate "C", 12),
    count(distinct a.pid),
    array_agg(distinct l.objid::bigint::integer order by l.objid::bigint::integer)
    filter (where l.objid is not null)
  from pg_stat_activity as a
  -- The locks of worker.try_lock_lane.
  left join pg_locks as l
    on l.pid = a.pid and l.locktype = 'advisory' and l.classid = 7301 and l.objsubid = 2 and l.granted
  where a.datname = current_database() and a.application_name collate "C" like 'swpt-trade %'
  group by substr(a.application_name collate "C", 12)
  order by substr(a.application_name collate "C", 12);
end;

comment on function worker.connected_processes is
  'Which processes of this service are connected to this database, by the name of their part, how many times, and at '
  'which lanes their transactions are now (null: at none). A pooler may hide the names. Called by the dashboard.';

create or replace function solver.restamp_future_moments()
  returns integer
  language sql
begin atomic
  with collector as (
    update solver.collector_account
    set latest_status_change_at = solver.now()
    where latest_status_change_at > solver.now() + interval '1 hour'
    returning 1
  ),
  shard as (
    update solver.shard
    set
      first_seen_at = least(first_seen_at, solver.now()),
      last_seen_at = least(last_seen_at, solver.now())
    where last_seen_at > solver.now() + interval '1 hour'
    returning 1
  )
  select (select count(*) from collector)::integer + (select count(*) from shard)::integer;
end;

comment on function solver.restamp_future_moments is
  'Brings moments back to now that a clock which ran ahead has left: waiting periods of collectors begin anew, and '
  'none is cut short. Returns how many there were. Called by the solver''s turn loop.';

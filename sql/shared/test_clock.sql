-- The clock of test and sandbox databases: `set swpt.now = '2026-03-01T02:00:00Z'` stops it there, for one session.
-- Never installed by `configure`, so that no client can shift time in production.
create or replace function shared.now()
  returns timestamptz
  language sql
  stable
  parallel safe
begin atomic
  select coalesce(nullif(current_setting('swpt.now', true), '')::timestamptz, transaction_timestamp());
end;

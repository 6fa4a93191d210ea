create or replace function shared.timeline_id()
  returns integer
  language sql
  volatile
begin atomic
  -- pg_control_checkpoint() tells the old timeline until the first checkpoint after a promotion.
  select ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::integer;
end;

comment on function shared.timeline_id is
  'The timeline that the server writes, right from the moment of a promotion: it grows with each promotion and each '
  'recovery to a moment. Fails on a standby. Called wherever a database is told from its copies.';

create or replace function solver.note_wal_position(
  p_binding_key text,
  p_system_identifier bigint,
  p_timeline_id integer,
  p_database_id bigint,
  p_position pg_lsn
)
  returns void
  language sql
as $$
  update solver.shard as s
  set wal_position = p_position
  where s.binding_key = p_binding_key
    and s.system_identifier = p_system_identifier
    and s.timeline_id = p_timeline_id
    and s.database_id = p_database_id
    and s.wal_position is distinct from p_position
$$;

comment on function solver.note_wal_position is
  'Keeps how far the WAL of a worker''s server is, so that a server that is rolled back is noticed. Called by the '
  'workers'' turn loops at each look.';

create or replace function solver.seen_wal_position(
  p_binding_key text,
  p_system_identifier bigint,
  p_timeline_id integer,
  p_database_id bigint
)
  returns pg_lsn
  language sql
  stable
as $$
  select s.wal_position
  from solver.shard as s
  where s.binding_key = p_binding_key
    and s.system_identifier = p_system_identifier
    and s.timeline_id = p_timeline_id
    and s.database_id = p_database_id
$$;

comment on function solver.seen_wal_position is
  'How far the WAL of a worker''s server was when it last looked; null if it never did. Called by the workers'' turn '
  'loops, which then look how far it is now.';

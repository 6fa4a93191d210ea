create or replace function solver.report_shard(
  p_binding_key text,
  p_system_identifier bigint,
  p_timeline_id integer,
  p_database_id bigint,
  p_release text,
  p_min_collector_id bigint,
  p_max_collector_id bigint,
  p_clock_difference float8
)
  returns void
  language plpgsql
as $$
declare
  v_first_seen_at timestamptz;
begin
  insert into solver.shard (
    binding_key, system_identifier, timeline_id, database_id, release, min_collector_id, max_collector_id,
    clock_difference, first_seen_at, last_seen_at
  )
  values (
    p_binding_key, p_system_identifier, p_timeline_id, p_database_id, p_release, p_min_collector_id, p_max_collector_id,
    p_clock_difference, solver.now(), solver.now()
  )
  on conflict (binding_key, system_identifier, timeline_id, database_id) do update
  set
    release = excluded.release,
    min_collector_id = excluded.min_collector_id,
    max_collector_id = excluded.max_collector_id,
    clock_difference = excluded.clock_difference,
    last_seen_at = excluded.last_seen_at,
    retired_at = null
  returning first_seen_at into v_first_seen_at;

  -- Who was here before and has been silent since, or for long, has handed its place over. Who still reports has not.
  update solver.shard as s
  set retired_at = solver.now()
  where s.retired_at is null
    and (s.last_seen_at <= v_first_seen_at or s.last_seen_at < solver.now() - interval '1 hour')
    and (
      solver.is_key_above(s.binding_key, p_binding_key)
      or s.binding_key = p_binding_key
      and (s.system_identifier, s.timeline_id, s.database_id)
      <> (p_system_identifier, p_timeline_id, p_database_id)
    );
end
$$;

comment on function solver.report_shard is
  'Notes that a worker database is alive, and retires those whose place it has taken: that of the parent after a '
  'split, and another one with the same key, if they are silent. Called by the workers'' turn loops.';

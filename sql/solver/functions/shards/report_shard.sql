create or replace function solver.report_shard(
  p_binding_key text,
  p_system_identifier bigint,
  p_timeline_id integer,
  p_database_id bigint,
  p_release text,
  p_min_collector_id bigint,
  p_max_collector_id bigint,
  p_clock_difference float8,
  p_beat bigint default 0,
  p_last_turn_id integer default null,
  p_last_turn_started_at timestamptz default null,
  p_last_turn_phase smallint default null,
  p_last_turn_subphase smallint default null,
  p_contradicted integer[] default '{}',
  p_step_back_id bigint default null
)
  returns void
  language plpgsql
as $$
declare
  v_first_seen_at timestamptz;
  v_reason text := solver.compare_with_shard(p_binding_key, p_beat, p_last_turn_id, p_contradicted);
  v_step_back_id bigint := p_step_back_id;
begin
  if v_reason is not null then
    -- What it reports was noticed by it, and so it knows of it.
    v_step_back_id := solver.notice_step_back(v_reason);
    update solver.life set beat = p_beat where beat < p_beat;
    update solver.turn set is_contradicted = true where turn_id = any(p_contradicted) and phase < 4;
  end if;

  insert into solver.shard (
    binding_key, system_identifier, timeline_id, database_id, release, min_collector_id, max_collector_id,
    clock_difference, first_seen_at, last_seen_at,
    last_turn_id, last_turn_started_at, last_turn_phase, last_turn_subphase, answered_step_back_id
  )
  values (
    p_binding_key, p_system_identifier, p_timeline_id, p_database_id, p_release, p_min_collector_id, p_max_collector_id,
    p_clock_difference, solver.now(), solver.now(),
    p_last_turn_id, p_last_turn_started_at, p_last_turn_phase, p_last_turn_subphase, v_step_back_id
  )
  on conflict (binding_key, system_identifier, timeline_id, database_id) do update
  set
    release = excluded.release,
    min_collector_id = excluded.min_collector_id,
    max_collector_id = excluded.max_collector_id,
    clock_difference = excluded.clock_difference,
    last_seen_at = excluded.last_seen_at,
    retired_at = null,
    last_turn_id = excluded.last_turn_id,
    last_turn_started_at = excluded.last_turn_started_at,
    last_turn_phase = excluded.last_turn_phase,
    last_turn_subphase = excluded.last_turn_subphase,
    answered_step_back_id = excluded.answered_step_back_id
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
  'split, and another one with the same key, if they are silent. p_beat: the highest beat of this database that the '
  'worker knows; p_last_turn_…: the highest turn; p_contradicted: open turns that it knows otherwise; p_step_back_id: '
  'the unresolved step back that it has read of. What this database should know and does not makes it notice that it '
  'has stepped back. Called by the workers'' turn loops.';

create or replace function solver.beat()
  returns text
  language plpgsql
as $$
declare
  v_system bigint := (select s.system_identifier from pg_control_system() as s);
  v_timeline integer := solver.timeline_id();
  v_database bigint := (select d.oid::bigint from pg_database as d where d.datname = current_database());
  v_life solver.life;
  v_reason text;
begin
  select l.* into v_life from solver.life as l for update;
  if not found then
    insert into solver.life (system_identifier, timeline_id, database_id, beat, beat_at)
    values (v_system, v_timeline, v_database, 1, solver.now())
    on conflict do nothing;
    return null;
  end if;
  v_reason := case
    when v_life.system_identifier <> v_system then
      format('it was on the server %s, and is on %s', v_life.system_identifier, v_system)
    when v_life.timeline_id <> v_timeline then
      format('it was on the timeline %s, and is on %s', v_life.timeline_id, v_timeline)
    when v_life.database_id <> v_database then
      format('it was the database with OID %s, and is %s', v_life.database_id, v_database)
  end;
  update solver.life
  set
    system_identifier = v_system,
    timeline_id = v_timeline,
    database_id = v_database,
    beat = beat + 1,
    beat_at = solver.now();
  if v_reason is not null then
    perform solver.notice_step_back(v_reason);
  end if;
  return v_reason;
end
$$;

comment on function solver.beat is
  'Notices that this database is not where it was at the last beat: promoted, recovered to a moment, or restored. '
  'Returns how it differs, or null. Called by the solver''s turn loop, before anything else.';

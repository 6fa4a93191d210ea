create or replace function solver.turn_figures()
  returns table (
    turn_id integer,
    phase smallint,
    started_seconds_ago double precision,
    deadline_seconds double precision,
    overdue_seconds double precision
  )
  language sql
  security definer
  stable
begin atomic
  select
    t.turn_id,
    t.phase,
    extract(epoch from solver.now() - t.started_at)::double precision,
    extract(epoch from t.phase_deadline - solver.now())::double precision,
    case
      when t.phase < 4
        then greatest(extract(epoch from solver.now() - solver.phase_due_at(t)), 0)
      else 0
    end::double precision
  from solver.turn as t
  where t.phase < 4 or t.turn_id = (select max(l.turn_id) from solver.turn as l)
  order by t.turn_id
  limit 100;
end;

comment on function solver.turn_figures is
  'Unfinished turns and the latest one: the seconds until the phase ends (null in phases 3 and 4), and the seconds '
  'since it should have (in phase 3: since it began; a dead worker keeps it open). Called by the metrics server.';

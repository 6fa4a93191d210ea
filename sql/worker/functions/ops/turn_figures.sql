create or replace function worker.turn_figures()
  returns table (
    turn_id integer,
    phase smallint,
    subphase smallint,
    deadline_seconds double precision,
    overdue_seconds double precision
  )
  language sql
  security definer
  stable
begin atomic
  select
    w.turn_id,
    w.phase,
    w.worker_turn_subphase,
    extract(epoch from w.phase_deadline - worker.now())::double precision,
    -- Phase 3 is overdue as soon as it has begun. If a clock that ran ahead says when, nobody knows since when.
    case
      when w.collection_started_at > worker.now() + interval '1 hour' and w.phase = 3
        then extract(epoch from worker.now())
      else greatest(extract(epoch from worker.now() - coalesce(w.phase_deadline, w.collection_started_at)), 0)
    end::double precision
  from worker.worker_turn as w
  where w.worker_turn_subphase < 10
  order by w.turn_id
  limit 100;
end;

comment on function worker.turn_figures is
  'Turns in which this shard has steps left: the seconds until the phase ends (null in phase 3, which has no end), and '
  'the seconds since it should have (in phase 3: since it began). Called by the metrics server.';

create or replace function worker.pending_steps()
  returns table (turn_id integer, phase smallint, subphase smallint)
  language sql
  stable
begin atomic
  select w.turn_id, w.phase, w.worker_turn_subphase
  from worker.worker_turn as w
  where w.worker_turn_subphase < 10
    and (
      (w.phase, w.worker_turn_subphase) <> (2, 5)
      or worker.shipping_starts_at(w.started_at, w.phase_deadline) < worker.now()
    )
  order by w.turn_id;
end;

comment on function worker.pending_steps is
  'The steps of turns that may run now. Called by the worker''s turn loop.';

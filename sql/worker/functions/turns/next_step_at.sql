create or replace function worker.next_step_at()
  returns timestamptz
  language sql
  stable
begin atomic
  select min(worker.shipping_starts_at(w.started_at, w.phase_deadline))
  from worker.worker_turn as w
  where w.phase = 2 and w.worker_turn_subphase = 5;
end;

comment on function worker.next_step_at is
  'After which moment the next offers have to be shipped, null if there is no such turn: the loop wakes up then, '
  'whatever its period. Called by the worker''s turn loop.';

create or replace function worker.overlooked_turns(p_unfinished integer[])
  returns setof integer
  language sql
  stable
begin atomic
  select w.turn_id
  from worker.worker_turn as w
  where worker.awaits_result(w) and w.turn_id <> all(p_unfinished)
  order by w.turn_id;
end;

comment on function worker.overlooked_turns is
  'Turns whose result is still to come here, but which are not among the solver''s unfinished ones: their end was '
  'missed. Called by the worker''s turn loop.';

create or replace function worker.overlooked_turns(p_unfinished integer[])
  returns setof integer
  language sql
  stable
as $$
  select turn_id from worker.worker_turn where phase < 3 and turn_id <> all(p_unfinished) order by turn_id
$$;

comment on function worker.overlooked_turns is
  'Turns that are open here but not among the solver''s unfinished ones: their end was missed. Called by the '
  'worker''s turn loop.';

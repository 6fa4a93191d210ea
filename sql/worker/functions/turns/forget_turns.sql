create or replace function worker.forget_turns(p_turn_ids integer[])
  returns integer
  language plpgsql
as $$
declare
  v_count integer;
begin
  perform worker.lock_turn_exclusive(w.turn_id)
  from (
    select turn_id from worker.worker_turn where turn_id = any(p_turn_ids) and phase < 3 order by turn_id
  ) as w;
  delete from worker.worker_turn where turn_id = any(p_turn_ids) and phase < 3;
  get diagnostics v_count = row_count;
  return v_count;
end
$$;

comment on function worker.forget_turns is
  'Deletes open turns that the solver does not know any more; returns how many. Called by the worker''s turn loop.';

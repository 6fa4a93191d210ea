create or replace function worker.end_step(p_turn_id integer, p_phase integer, p_subphase integer)
  returns boolean
  language plpgsql
as $$
begin
  update worker.worker_turn
  set worker_turn_subphase = worker.next_subphase(p_phase, p_subphase)
  where turn_id = p_turn_id and phase = p_phase and worker_turn_subphase = p_subphase;
  return found;
end
$$;

comment on function worker.end_step is
  'Advances the sub-phase of a turn, in the transaction of worker.begin_step. Called by the worker''s turn loop.';

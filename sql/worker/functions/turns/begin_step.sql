create or replace function worker.begin_step(p_turn_id integer, p_phase integer, p_subphase integer)
  returns text
  language plpgsql
as $$
declare
  v_turn worker.worker_turn;
begin
  if p_phase = 2 and p_subphase = 5 then
    -- Whoever still creates a lock of the turn finishes first, and nobody creates one afterwards.
    perform worker.lock_turn_exclusive(p_turn_id);
  end if;
  select * into v_turn
  from worker.worker_turn
  where turn_id = p_turn_id and phase = p_phase and worker_turn_subphase = p_subphase
  for no key update;
  if not found then
    return 'gone';
  end if;
  if v_turn.phase_deadline <= worker.now() then
    update worker.worker_turn
    set worker_turn_subphase = worker.next_subphase(p_phase, p_subphase)
    where turn_id = p_turn_id;
    perform worker.clear_staging(p_turn_id, p_phase);
    return 'skipped';
  end if;
  if p_phase = 2
    and p_subphase = 5
    and worker.shipping_starts_at(v_turn.started_at, v_turn.phase_deadline) >= worker.now() then
    return 'gone';
  end if;
  if p_subphase = 0 and exists (select from worker.staging_stamp where turn_id = p_turn_id and phase = p_phase) then
    return 'staged';
  end if;
  return 'run';
end
$$;

comment on function worker.begin_step is
  'Locks a turn for one of its steps. gone: it is not that step''s turn now. skipped: the deadline passed, the sub- '
  'phase advanced without the step. staged: run it, its solver rows are loaded already. run: run it. Called by the '
  'worker''s turn loop.';

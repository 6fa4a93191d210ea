create or replace function worker.limit_doubts(p_last_turn_id integer)
  returns integer
  language plpgsql
as $$
declare
  v_count integer;
begin
  update worker.step_back set last_turn_id = p_last_turn_id where last_turn_id is null;
  get diagnostics v_count = row_count;
  -- What may still be made for turns in doubt is held, so it has to be looked at until they are over.
  update worker.step_back as s set ended_at = worker.now()
  where s.ended_at is null
    and not exists (select from worker.transfer_attempt as a where a.held_at is not null)
    and not exists (select from worker.dispatching_status as d where d.turn_id <= s.last_turn_id)
    and not exists (
      select from worker.account_lock as l where l.turn_id <= s.last_turn_id and l.released_at is null
    )
    and not exists (
      select from worker.worker_turn as w where w.turn_id <= s.last_turn_id and w.worker_turn_subphase < 10
    );
  return v_count;
end
$$;

comment on function worker.limit_doubts is
  'Notes up to which turn payments are in doubt since this database stepped back: p_last_turn_id is the last one that '
  'has reached phase 3. Ends step backs of which nothing is left. Returns how many were limited. Called by the '
  'worker''s turn loop.';

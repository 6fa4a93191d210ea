create or replace function worker.delete_old_worker_turns(p_limit integer)
  returns integer
  language sql
begin atomic
  with deleted as (
    delete from worker.worker_turn
    where turn_id in (
      select w.turn_id
      from worker.worker_turn as w
      where w.phase = 3 and w.worker_turn_subphase = 10 and w.started_at < worker.now() - interval '1 year'
      order by w.turn_id
      limit p_limit
      for update skip locked
    )
    returning 1
  )
  select count(*)::integer from deleted;
end;

comment on function worker.delete_old_worker_turns is
  'Deletes up to p_limit finished turns that are older than a year; returns how many. Called by the worker''s turn '
  'loop.';

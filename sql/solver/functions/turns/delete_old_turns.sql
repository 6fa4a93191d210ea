create or replace function solver.delete_old_turns(p_limit integer)
  returns integer
  language sql
begin atomic
  with deleted as (
    delete from solver.turn
    where turn_id in (
      select t.turn_id
      from solver.turn as t
      where t.phase = 4 and t.started_at < solver.now() - interval '1 year'
      order by t.turn_id
      limit p_limit
      for update skip locked
    )
    returning 1
  )
  select count(*)::integer from deleted;
end;

comment on function solver.delete_old_turns is
  'Deletes up to p_limit finished turns that are older than a year; returns how many. Called by the solver''s turn '
  'loop.';

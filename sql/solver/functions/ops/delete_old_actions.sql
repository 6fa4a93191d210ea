create or replace function solver.delete_old_actions(p_limit integer)
  returns integer
  language sql
  security definer
begin atomic
  with deleted as (
    delete from solver.operator_action
    where action_id in (
      select a.action_id
      from solver.operator_action as a
      where a.done_at < solver.now() - interval '1 year'
      order by a.done_at
      limit p_limit
      for update skip locked
    )
    returning 1
  )
  select count(*)::integer from deleted;
end;

comment on function solver.delete_old_actions is
  'Forgets up to p_limit changes by people that are older than a year; returns how many. Called by the solver''s turn '
  'loop.';

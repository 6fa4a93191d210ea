create or replace function worker.delete_old_actions(p_limit integer)
  returns integer
  language sql
  security definer
begin atomic
  with deleted as (
    delete from worker.operator_action
    where action_id in (
      select a.action_id
      from worker.operator_action as a
      where a.done_at < worker.now() - interval '1 year'
      order by a.done_at
      limit p_limit
      for update skip locked
    )
    returning 1
  )
  select count(*)::integer from deleted;
end;

comment on function worker.delete_old_actions is
  'Forgets up to p_limit changes by people that are older than a year; returns how many. Called by the worker''s turn '
  'loop.';

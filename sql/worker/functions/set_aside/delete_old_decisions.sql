create or replace function worker.delete_old_decisions(p_limit integer)
  returns integer
  language sql
  security definer
begin atomic
  with deleted as (
    delete from worker.set_aside_decision
    where set_aside_id in (
      select d.set_aside_id
      from worker.set_aside_decision as d
      where d.decided_at < worker.now() - interval '1 year'
      order by d.decided_at
      limit p_limit
      for update skip locked
    )
    returning 1
  )
  select count(*)::integer from deleted;
end;

comment on function worker.delete_old_decisions is
  'Forgets up to p_limit decisions about set-aside messages that are older than a year; returns how many. Called by '
  'the worker''s turn loop.';

create or replace function worker.list_actions(p_before timestamptz, p_limit integer)
  returns setof worker.operator_action
  language sql
  security definer
  stable
begin atomic
  select a.*
  from worker.operator_action as a
  where p_before is null or a.done_at < p_before
  order by a.done_at desc, a.action_id desc
  limit p_limit;
end;

comment on function worker.list_actions is
  'Up to p_limit changes that people have made, the newest first; those before p_before, if that is not null. Called '
  'by the dashboard.';

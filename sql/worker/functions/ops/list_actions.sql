create or replace function worker.list_actions(p_before timestamptz, p_subject jsonb, p_limit integer)
  returns setof worker.operator_action
  language sql
  security definer
  stable
begin atomic
  select a.*
  from worker.operator_action as a
  where (p_before is null or a.done_at < p_before) and (p_subject is null or a.subject @> p_subject)
  order by a.done_at desc, a.action_id desc
  limit p_limit;
end;

comment on function worker.list_actions is
  'Up to p_limit changes that people have made, the newest first; those before p_before, and those whose subject has '
  'all that is in p_subject, if these are not null. Called by the dashboard.';

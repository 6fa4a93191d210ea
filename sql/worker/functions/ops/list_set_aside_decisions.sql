create or replace function worker.list_set_aside_decisions(p_before bigint, p_limit integer)
  returns setof worker.set_aside_decision
  language sql
  security definer
  stable
begin atomic
  select d.*
  from worker.set_aside_decision as d
  where p_before is null or d.set_aside_id < p_before
  order by d.set_aside_id desc
  limit p_limit;
end;

comment on function worker.list_set_aside_decisions is
  'Up to p_limit messages that were set aside and then replayed or discarded, the newest first; those before '
  'p_before, if that is not null. Called by the admin API.';

create or replace function worker.list_set_aside(p_after bigint, p_limit integer)
  returns setof worker.set_aside
  language sql
  security definer
  stable
begin atomic
  select s.*
  from worker.set_aside as s
  where p_after is null or s.set_aside_id > p_after
  order by s.set_aside_id
  limit p_limit;
end;

comment on function worker.list_set_aside is
  'Up to p_limit messages that are set aside, the oldest first; those after p_after, if that is not null. Called by '
  'the admin API.';

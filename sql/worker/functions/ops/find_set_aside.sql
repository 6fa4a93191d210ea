create or replace function worker.find_set_aside(p_id bigint)
  returns setof worker.set_aside
  language sql
  security definer
  stable
begin atomic
  select s.* from worker.set_aside as s where s.set_aside_id = p_id;
end;

comment on function worker.find_set_aside is
  'The message that is set aside under this ID, if there still is one. Called by the admin API.';

create or replace function solver.list_turns(p_before integer, p_limit integer)
  returns setof solver.turn
  language sql
  security definer
  stable
begin atomic
  select t.*
  from solver.turn as t
  where p_before is null or t.turn_id < p_before
  order by t.turn_id desc
  limit p_limit;
end;

comment on function solver.list_turns is
  'Up to p_limit turns, the newest first; those before p_before, if that is not null. Called by the admin API.';

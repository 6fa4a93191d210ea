create or replace function solver.settled_turns_after(p_turn_id integer)
  returns setof solver.turn
  language sql
  stable
begin atomic
  select t.*
  from (
    select k.* from solver.turn as k where k.phase >= 3 and k.closed_by_force_at is null order by k.turn_id desc limit 2
  ) as t
  where t.turn_id > p_turn_id
  order by t.turn_id;
end;

comment on function solver.settled_turns_after is
  'Those of the last two turns with results that came after p_turn_id. Called by workers whose database stepped back: '
  'they do not know them any more.';

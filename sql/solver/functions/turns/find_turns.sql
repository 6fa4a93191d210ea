create or replace function solver.find_turns(p_turn_ids integer[])
  returns setof solver.turn
  language sql
  security definer
  stable
begin atomic
  select * from solver.turn where turn_id = any(p_turn_ids) order by turn_id;
end;

comment on function solver.find_turns is
  'The turns with these IDs, as far as they still exist. Called by workers that missed the end of a turn.';

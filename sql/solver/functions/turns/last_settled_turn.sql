create or replace function solver.last_settled_turn()
  returns integer
  language sql
  stable
begin atomic
  select coalesce(max(t.turn_id), 0) from solver.turn as t where t.phase >= 3;
end;

comment on function solver.last_settled_turn is
  'The last turn whose result workers may have seen, 0 if there is none. Called by workers whose database stepped '
  'back.';

create or replace function solver.unfinished_turns()
  returns setof solver.turn
  language sql
  stable
begin atomic
  select * from solver.turn where phase < 4 order by turn_id;
end;

comment on function solver.unfinished_turns is
  'The turns that are not over, normally one at most. Called by the turn loops of solver and workers.';

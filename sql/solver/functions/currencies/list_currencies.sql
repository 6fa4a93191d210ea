create or replace function solver.list_currencies(p_turn_id integer)
  returns setof solver.currency_info
  language sql
  stable
begin atomic
  select * from solver.currency_info where turn_id = p_turn_id;
end;

comment on function solver.list_currencies is
  'The currencies of a turn in phase 2. Called by the exchange, which copies them to the workers.';

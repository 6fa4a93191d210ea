create or replace function solver.highest_turn()
  returns integer
  language sql
  stable
as $$
  select greatest(
    (select max(t.turn_id) from solver.turn as t),
    (select max(s.resumed_above) from solver.step_back as s),
    0
  )
$$;

comment on function solver.highest_turn is
  'The highest ID that a turn has had, as far as this database knows; 0 if there is none. Called by report_shard and '
  'end_step_back.';

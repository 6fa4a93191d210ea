create or replace function solver.waited_for()
  returns setof text
  language sql
  stable
as $$
  select s.binding_key
  from solver.list_shards() as s
  where s.answered_step_back_id is distinct from solver.open_step_back()
  union
  select m.binding_key from solver.missing_keys() as m (binding_key)
  union
  -- Those of another implementation never report.
  select '#' where not exists (select from solver.list_shards())
  order by 1
$$;

comment on function solver.waited_for is
  'The binding keys of the shards that have not reported since the step back was noticed, and those that nobody has '
  'ever reported. Called by resolve_step_back and step_back_status.';

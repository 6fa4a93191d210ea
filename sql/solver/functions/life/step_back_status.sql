create or replace function solver.step_back_status(
  out noticed_at timestamptz,
  out reason text,
  out waited_for text[]
)
  returns setof record
  language sql
  security definer
  stable
begin atomic
  select s.noticed_at, s.reason, array(select w.binding_key from solver.waited_for() as w (binding_key))
  from solver.step_back as s
  where s.resolved_at is null;
end;

comment on function solver.step_back_status is
  'The unresolved step back, and the binding keys that have to report before turns go on; no row if there is none. '
  'Called by the solver''s turn loop, by operators and the metrics server.';

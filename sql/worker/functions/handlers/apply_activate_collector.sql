create or replace function worker.apply_activate_collector(p_messages jsonb[])
  returns void
  language sql
begin atomic
  select worker.request_solver(p_messages);
end;

comment on function worker.apply_activate_collector is
  'Tells the solver that collector accounts exist and under which account IDs. Called by apply_messages.';

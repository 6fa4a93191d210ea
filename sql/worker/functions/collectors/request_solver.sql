create or replace function worker.request_solver(p_messages jsonb[])
  returns void
  language sql
begin atomic
  insert into pgmq.q_solver_request (vt, message)
  select '-infinity', m.message
  from unnest(p_messages) with ordinality as m(message, n)
  order by m.n;

  select pg_notify('worker_solver_request', '')
  where cardinality(p_messages) > 0;
end;

comment on function worker.request_solver is
  'Leaves requests for the solver database; no handler waits for another database. Called by the collector handlers.';

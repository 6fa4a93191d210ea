create or replace function worker.take_solver_requests(p_limit integer)
  returns table (msg_id bigint, message jsonb)
  language sql
as $$
  select
    q.msg_id,
    q.message
  from pgmq.q_solver_request as q
  order by q.msg_id
  limit p_limit
  for update skip locked
$$;

comment on function worker.take_solver_requests is
  'Reads and locks requests for the solver database, oldest first. The caller applies them there '
  '(solver.apply_worker_requests), commits there, and deletes them here in the same transaction. Called by the '
  'exchange.';

create or replace function worker.delete_solver_requests(p_msg_ids bigint[])
  returns void
  language sql
as $$
  delete from pgmq.q_solver_request as q where q.msg_id = any(p_msg_ids)
$$;

comment on function worker.delete_solver_requests is
  'Deletes requests that the solver database has committed. Called by the exchange.';

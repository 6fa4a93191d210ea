create or replace function worker.take_solver_requests(p_limit integer, p_floor bigint default 0)
  returns table (msg_id bigint, message jsonb)
  language sql
as $$
  -- Copies of what the other half of a split shard requests itself.
  delete from pgmq.q_solver_request as q
  using worker.configuration as c
  where c.delete_parent_shard_records
    and (worker.sharding_hash(q.message) & c.realm_mask) <> c.realm
    and (worker.sharding_hash(q.message) & c.parent_realm_mask) = c.parent_realm;

  select
    q.msg_id,
    q.message
  from pgmq.q_solver_request as q
  where q.msg_id > p_floor
  order by q.msg_id
  limit p_limit
  for update skip locked
$$;

comment on function worker.take_solver_requests is
  'Reads and locks requests for the solver database after msg_id p_floor, oldest first, after dropping what a split '
  'has left to the other half (see delete_parent_shard_records). The caller applies them there '
  '(solver.apply_worker_requests), commits there, and deletes them here in the same transaction. Called by the '
  'exchange.';

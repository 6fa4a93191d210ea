-- All processes of a worker. Not theirs: what the database is, what was installed, and the records of decisions, to
-- which functions only add; delete_old_decisions and delete_old_actions take away what is older than a year.
grant usage on schema worker, outbox, pgmq to the_role;
grant select, insert, update, delete on all tables in schema worker, outbox, pgmq to the_role;
grant truncate on worker.staged_participation, worker.staged_collector_payment to the_role;
grant usage on all sequences in schema worker, outbox, pgmq to the_role;
grant execute on all functions in schema worker to the_role;
revoke insert, update, delete on worker.applied_file, worker.set_aside_decision, worker.transfer_decision,
worker.operator_action, pgmq.meta from the_role;
revoke insert, delete on worker.identity from the_role;
revoke all on worker.granted_role, pgmq.notify_insert_throttle, pgmq.topic_bindings from the_role;
revoke execute on function worker.bind_identity, worker.accept_empty from the_role;

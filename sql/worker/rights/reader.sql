-- Whoever watches: figures about the shard, and nothing of what messages say.
grant usage on schema worker to the_role;
grant select on worker.applied_file, worker.configuration, worker.identity to the_role;
grant execute on function
worker.now,
worker.compatibility_number,
worker.queue_figures,
worker.turn_figures,
worker.account_figures,
worker.doubt_figures
to the_role;

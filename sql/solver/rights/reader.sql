-- Whoever watches: figures about turns, collectors and shards.
grant usage on schema solver to the_role;
grant select on solver.applied_file, solver.transfer_statistic to the_role;
grant execute on function
solver.now,
solver.compatibility_number,
solver.installation_id,
solver.turn_figures,
solver.list_turns,
solver.turn_statistics,
solver.count_all_collectors,
solver.count_collectors,
solver.list_shards,
solver.shard_problems,
solver.count_shard_problems,
solver.step_back_status
to the_role;

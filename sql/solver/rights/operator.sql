-- The web server, and people: they read, and may have more collectors.
grant usage on schema solver to the_role;
grant select on solver.applied_file, solver.transfer_statistic to the_role;
grant execute on function
solver.now,
solver.compatibility_number,
solver.installation_id,
solver.turn_figures,
solver.list_turns,
solver.find_turns,
solver.turn_statistics,
solver.phase_starts,
solver.most_bought_currencies,
solver.count_turn_rows,
solver.count_all_collectors,
solver.count_collectors,
solver.debtor_collectors,
solver.find_collectors,
solver.collector_state,
solver.is_blocked,
solver.ensure_collectors,
solver.list_actions,
solver.list_shards,
solver.shard_problems,
solver.count_shard_problems,
solver.step_back_status,
solver.keeps_archive,
solver.archived_turns,
solver.archived_turn,
solver.archived_files,
solver.archived_first_ids,
solver.archived_part,
solver.keep_beside_archive
to the_role;

-- The web server, and people: they read, and what they decide is added to what others have decided.
grant usage on schema worker to the_role;
grant select on worker.applied_file, worker.configuration, worker.identity, worker.failed_transfer to the_role;
grant execute on function
worker.now,
worker.compatibility_number,
worker.queue_figures,
worker.turn_figures,
worker.turn_progress,
worker.account_figures,
worker.doubt_figures,
worker.held_accounts,
worker.held_transfers,
worker.list_expected_payments,
worker.lost_payments,
worker.own_ids,
worker.trader_locks,
worker.trader_payments,
worker.collector_account,
worker.collector_payments,
worker.collector_turns,
worker.list_set_aside,
worker.find_set_aside,
worker.list_set_aside_decisions,
worker.replay_set_aside,
worker.discard_set_aside,
worker.adopt_held_account,
worker.discard_held_account,
worker.decide_transfer,
worker.decide_expected_payment,
worker.list_actions
to the_role;

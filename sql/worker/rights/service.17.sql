-- PostgreSQL 17 and newer lets others than the owner vacuum what a bulk step has left behind.
grant maintain on worker.account_lock, worker.active_collector to the_role; -- noqa: PRS
grant maintain on worker.staged_currency, worker.staged_price, worker.staged_alive_collector to the_role; -- noqa: PRS
grant maintain on worker.staged_participation, worker.staged_collector_payment to the_role; -- noqa: PRS

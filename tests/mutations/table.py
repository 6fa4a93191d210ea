"""The mends that are taken out: where, what is written instead, and which tests have to fail then."""

from __future__ import annotations

from typing import NamedTuple


class Mutation(NamedTuple):
    """`old` stands once in the `file`; `tests` are a folder or file and an expression for pytest's -k."""

    number: str
    file: str
    old: str
    new: str
    tests: tuple[str, str]


_WORKER = "sql/worker/functions"
_SOLVER = "sql/solver/functions"

MUTATIONS = (
    Mutation(
        "G2", "pipelines/price.py", "np.full(pegs.size, np.nan)", "np.full(pegs.size, np.nan, np.float32)",
        ("tests/pipelines", "g2 or prices_are_doubles"),
    ),
    Mutation(
        "G3", "pipelines/market.py", "return max(self.min_trade_amount, 2)", "return 2",
        ("tests/pipelines/test_solve.py", "g3 or v5_9"),
    ),
    Mutation(
        "G4", "pipelines/price.py", "if base.size and debtor_id", "if False and debtor_id", ("tests/pipelines", "g4"),
    ),
    Mutation(
        "G4", f"{_WORKER}/turns/price_currencies.sql", "and debtor_id <> v_base_debtor_id\n  )", "and false\n  )",
        ("tests/sql/turns", "g4"),
    ),
    Mutation(
        "G6", f"{_WORKER}/locks/apply_finalized_transfer.sql",
        "and l.released_at is null\n    returning", "and false\n    returning",
        ("tests/sql/locks", "g6 or v13_2"),
    ),
    Mutation(
        "G6", f"{_WORKER}/locks/apply_finalized_transfer.sql",
        "and l.transfer_id = m.transfer_id\n      and l.finalized_at", "and l.finalized_at",
        ("tests/sql/locks", "g6"),
    ),
    Mutation(
        "G12", f"{_SOLVER}/collectors/list_overdue_collectors.sql", "c.status = 1", "c.status = 0",
        ("tests/sql/collectors", "g12"),
    ),
    Mutation(
        "G12", f"{_WORKER}/accounts/apply_rejected_config.sql", "c.rejections >= 3", "c.rejections >= 30",
        ("tests/sql/accounts", "g12"),
    ),
    Mutation(
        "G14", f"{_WORKER}/accounts/apply_account_purge.sql",
        "perform worker.replace_collectors(v_creditor_ids, v_debtor_ids);", "",
        ("tests/sql/accounts", "g14"),
    ),
    Mutation(
        "G14", f"{_WORKER}/transfers/apply_account_id_request.sql", "  select worker.reopen_accounts(p_messages)\n", "",
        ("tests/sql/transfers", "g14"),
    ),
    Mutation(
        "G14", f"{_SOLVER}/collectors/apply_worker_requests.sql", "where r.is_replaced;", "where false;",
        ("tests/sql/collectors", "g14"),
    ),
    Mutation(
        "G16", "sql/solver/migrations/0002_pre_offers.sql", "create table solver.sell_offer (\n  turn_id integer",
        "create table solver.sell_offer (\n  turn_id smallint", ("tests/pipelines/test_exchange.py", "v13_11"),
    ),
    Mutation(
        "G17", f"{_WORKER}/locks/apply_candidate_offer.sql", "t.worker_turn_subphase = 5\n",
        "t.worker_turn_subphase = 5 for share\n", ("tests/sql/locks", "g17"),
    ),
    Mutation(
        "G17", f"{_WORKER}/locks/apply_candidate_offer.sql", "if worker.try_lock_turn_shared(v_turn_id) then",
        "if true then", ("tests/sql/locks", "g17"),
    ),
    Mutation(
        "G21", "sql/worker/migrations/0008_pre_dispatching.sql",
        "check (amount_to_send - amount_to_collect <= self_taken_amount)",
        "check (amount_to_send <= amount_to_collect)",
        ("tests/sql/transfers", "g21"),
    ),
    Mutation(
        "G22", f"{_WORKER}/scans/scan_creditor_participations.sql", "interval '30 days'", "interval '9999 days'",
        ("tests/sql/scans", "g22"),
    ),
    Mutation(
        "G22", f"{_WORKER}/turns/delete_old_worker_turns.sql", "interval '1 year'", "interval '9 years'",
        ("tests/sql/turns", "g22"),
    ),
    Mutation(
        "G22", f"{_SOLVER}/turns/delete_old_turns.sql", "interval '1 year'", "interval '9 years'",
        ("tests/sql/turns", "g22"),
    ),
    Mutation(
        "G22", f"{_WORKER}/messages/delete_old_decisions.sql", "interval '1 year'", "interval '9 years'",
        ("tests/pipelines/test_roll.py", "g22"),
    ),
    Mutation(
        "G23", f"{_WORKER}/turns/next_step_at.sql",
        "select min(worker.shipping_starts_at(w.started_at, w.phase_deadline))",
        "select null::timestamptz", ("tests/pipelines/test_roll.py", "g23"),
    ),
    Mutation(
        "G27", f"{_WORKER}/scans/scan_account_locks.sql", "and l.amount > 0\n", "and l.amount < 0\n",
        ("tests/sql/scans", "g27 or v13_22"),
    ),
    Mutation(
        "G27", f"{_WORKER}/scans/scan_account_locks.sql",
        "greatest(v_settings.sending_slack, v_settings.dispatching_slack)", "v_settings.sending_slack",
        ("tests/sql/scans", "g27 or v13_22"),
    ),
    Mutation(
        "G28", f"{_WORKER}/transfers/is_unanswered.sql", "interval '1 day'", "interval '999 days'",
        ("tests/sql", "g28 or v13_13"),
    ),
    Mutation(
        "G29", f"{_WORKER}/messages/drain_inbox_singly.sql", "if not worker.is_data_error(sqlstate) then",
        "if true then", ("tests/bridge/test_drain.py", "g29"),
    ),
    Mutation(
        "G31", f"{_WORKER}/locks/apply_finalized_transfer.sql",
        "perform worker.send_unpaid_notices('collecting', v_turn_ids, v_collector_ids, v_debtor_ids, v_payer_ids);",
        "null;", ("tests/sql/locks", "g31 or v13_15"),
    ),
    Mutation(
        "G31", f"{_WORKER}/locks/_revise_locks.sql",
        "perform worker._report_odd_verdicts(", "perform jsonb_build_array(", ("tests/sql/locks", "g31 or v13_1"),
    ),
    Mutation(
        "G32", f"{_WORKER}/debtors/settle_fetches.sql", "d.recursion_level < c.max_distance_to_base",
        "d.recursion_level < c.max_distance_to_base - 1", ("tests/sql/debtors", "g32"),
    ),
    Mutation(
        "G34", "pipelines/price.py", "range(max_distance)", "range(min(max_distance, 900))", ("tests/pipelines", "g34"),
    ),
    Mutation(
        "G35", "pipelines/offers.py", 'pl.col("creditor_id") == 0', "pl.lit(False)", ("tests/pipelines", "g35"),
    ),
    Mutation(
        "G35", "pipelines/offers.py", '(pl.col("collector_id") == 0)', "pl.lit(False)", ("tests/pipelines", "g35"),
    ),
    Mutation(
        "G36", "pipelines/roll.py", "_warn_of_overdue_turns(solver)\n        deleted", "deleted",
        ("tests/pipelines/test_roll.py", "g36"),
    ),
    Mutation("G38", f"{_WORKER}/turns/end_bidding.sql", "limit 1000", "limit 9999", ("tests/sql/turns", "g38")),
    Mutation(
        "G40", f"{_WORKER}/locks/apply_prepared_transfer.sql",
        "and l.transfer_id is null\n      and m.deadline >= l.collection_deadline",
        "and l.transfer_id is null\n      and m.deadline >= (select t.collection_deadline from worker.worker_turn as t"
        " where t.turn_id = l.turn_id)",
        ("tests/sql/locks", "g40"),
    ),
)  # fmt: skip

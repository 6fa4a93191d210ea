"""A solver and two shards that go through turns together, without any peers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from pipelines.turns.roll import TurnSettings, advance_turns, advance_worker_turns
from tests.sql.turns.rows import Connection, insert, rows, stop_clock

SETTINGS = TurnSettings(
    period=timedelta(days=1),
    offset=timedelta(hours=2),
    phase1_duration=timedelta(minutes=10),
    phase2_duration=timedelta(hours=1),
    base_debtor_info_locator="B",
    base_debtor_id=1,
    max_distance_to_base=10,
    min_trade_amount=1000,
    max_commit_period=timedelta(days=30),
)
COLLECTOR = 0x10000000000


class TwoShards:
    """A solver and two shards that know the currencies 1 (the base) and 2, and move through time together."""

    def __init__(self, connect: Callable[[Any], tuple[str, Connection]]) -> None:
        self.solver = connect("solver")[1]
        self.worker_urls, self.workers = zip(*(connect("worker") for _ in range(2)), strict=True)
        for worker, bit in zip(self.workers, (0, 1), strict=True):
            worker.execute("update worker.configuration set realm_mask = 1 << 31, realm = %s::integer << 31", (bit,))
        for debtor_id in (1, 2):
            collector = {"debtor_id": debtor_id, "collector_id": COLLECTOR + debtor_id, "status": 2}
            account = {"account_id": f"collector-{debtor_id}", "latest_status_change_at": "2026-01-01T00:00:00Z"}
            insert(self.solver, "solver.collector_account", {**collector, **account})
        self.insert_everywhere(
            "worker.debtor_info_document",
            {"debtor_info_locator": "B", "debtor_id": 1, "fetched_at": "2026-03-01T00:00:00Z"},
        )
        peg = {"peg_debtor_info_locator": "B", "peg_debtor_id": 1, "peg_exchange_rate": 2.0}
        self.insert_everywhere(
            "worker.debtor_info_document",
            {"debtor_info_locator": "L2", "debtor_id": 2, "fetched_at": "2026-03-01T00:00:00Z", **peg},
        )
        for debtor_id, locator in ((1, "B"), (2, "L2")):
            claim = {"debtor_id": debtor_id, "debtor_info_locator": locator}
            moments = {
                "latest_locator_fetch_at": "2026-03-01T00:00:00Z",
                "latest_discovery_fetch_at": "2026-03-01T00:00:00Z",
            }
            self.insert_everywhere("worker.debtor_locator_claim", {**claim, **moments})

    def insert_everywhere(self, table: str, row: dict[str, Any]) -> None:
        """Every shard gets the row, as after a split; only its owner may act on it."""
        for worker in self.workers:
            insert(worker, table, row)

    def trade(self, creditor_id: int, debtor_id: int, amount: int, peg: int | None, rate: float | None) -> None:
        row = {
            "creditor_id": creditor_id,
            "debtor_id": debtor_id,
            "account_id": f"account-{creditor_id}-{debtor_id}",
            "principal": max(-amount, 0),
            "min_principal": max(amount, 0),
            "max_principal": max(amount, 0),
            "policy_name": "conservative",
            "peg_debtor_id": peg,
            "peg_exchange_rate": rate,
        }
        self.insert_everywhere("worker.trading_policy", row)

    def at(self, now: str) -> None:
        """One iteration of every loop at a moment."""
        for connection in (self.solver, *self.workers):
            stop_clock(connection, f"2026-03-01T{now}Z")
        advance_turns(self.solver, SETTINGS)
        for worker in self.workers:
            advance_worker_turns(worker, self.solver)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return sorted(row for worker in self.workers for row in rows(worker, query))

"""How much the statements of the bulk steps read, whatever the sizes, the shape of pegs, and the age of statistics.

The server explains every statement that it runs inside the functions, with the number of rows at each node. Nothing
here measures time: a bad plan reads each row many times over, and that is what is counted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.sql.turns.rows import Connection, insert_worker_turn, rows, stop_clock, value

LANES = 8
CHAIN = 5_000
READS_PER_ROW = 25
"""How often a step may look at a row, over all of its statements and lanes."""

TRADERS = """
insert into worker.trading_policy (
  creditor_id, debtor_id, account_id, policy_name, principal, min_principal, max_principal,
  peg_debtor_id, peg_exchange_rate
)
select
  c, d.debtor_id, 'account', 'conservative', case when d.is_sale then 9000 else 0 end,
  case when d.is_sale then 0 else 9000 end, case when d.is_sale then 0 else 9000 end, 1, 2.0
from generate_series(1, %s) as c
  cross join lateral (values (2 + c %% 40, true), (2 + (c + 1) %% 40, false)) as d (debtor_id, is_sale)
"""
# All policies of one trader; {peg} says to what policy n pegs.
ONE_TRADER = """
insert into worker.trading_policy (
  creditor_id, debtor_id, account_id, policy_name, principal, min_principal, max_principal,
  peg_debtor_id, peg_exchange_rate
)
select
  7, n, 'account', 'conservative', case when n % 2 = 0 then 9000 else 0 end,
  case when n % 2 = 0 then 0 else 9000 end, case when n % 2 = 0 then 0 else 9000 end, {peg}, 1.0
from generate_series(2, {count} + 1) as n
"""
PEGS = {
    "chain": "n - 1",
    "cycle": f"case when n = 2 then {CHAIN} + 1 else n - 1 end",
    "star": "1",
}
CURRENCY_PEGS = {"chain": "n - 1", "cycle": f"case when n <= 2 then {CHAIN} else n - 1 end", "star": "1"}
RESULTS = """
insert into worker.staged_participation (turn_id, creditor_id, debtor_id, amount, collector_id)
select turn_id, creditor_id, debtor_id, amount / 2, collector_id from worker.account_lock where creditor_id % 10 <> 0;
insert into worker.staged_collector_payment (turn_id, kind, collector_id, debtor_id, other_id, amount)
select turn_id, case when amount < 0 then 'collecting' else 'dispatching' end, collector_id, debtor_id, creditor_id,
  abs(amount) / 2
from worker.account_lock
where creditor_id % 10 <> 0
"""


class _Plans:
    """All plans of statements that ran since the last look."""

    def __init__(self, connection: Connection) -> None:
        self._plans: list[dict[str, Any]] = []
        connection.execute(
            "load 'auto_explain'; set auto_explain.log_min_duration = 0; set auto_explain.log_nested_statements = on;"
            "set auto_explain.log_format = json; set auto_explain.log_analyze = on; set auto_explain.log_timing = off;"
            "set auto_explain.log_level = notice"
        )
        connection.add_notice_handler(self._take)

    def _take(self, diagnostic: Any) -> None:
        text = diagnostic.message_primary or ""
        if "plan:" in text:
            self._plans.append(json.loads(text[text.index("{") :]))

    def forget(self) -> None:
        self._plans.clear()

    def nodes(self) -> Iterator[dict[str, Any]]:
        waiting = [plan["Plan"] for plan in self._plans]
        while waiting:
            node = waiting.pop()
            waiting += node.get("Plans", [])
            yield node

    def most_read(self) -> tuple[float, str]:
        """The node type that looked at most rows, with their number over all statements."""
        reads: dict[str, float] = {}
        for node in self.nodes():
            removed = sum(value for name, value in node.items() if name.startswith("Rows Removed"))
            where = f"{node['Node Type']} {node.get('Relation Name') or node.get('CTE Name') or ''}".strip()
            reads[where] = reads.get(where, 0) + (node["Actual Rows"] + removed) * node["Actual Loops"]
        where = max(reads, key=reads.__getitem__)
        return reads[where], where

    def under_recursion(self) -> set[str]:
        """The types of all nodes below recursive unions."""
        found: set[str] = set()
        for node in self.nodes():
            waiting = node.get("Plans", []) if node["Node Type"] == "Recursive Union" else []
            while waiting:
                found.add(waiting[0]["Node Type"])
                waiting = waiting[1:] + waiting[0].get("Plans", [])
        return found


@pytest.fixture
def worker(worker_db: Connection) -> Connection:
    """A worker without policies, in the beginning of phase 2 of turn 1."""
    stop_clock(worker_db, "2026-03-01T02:30:00Z")
    insert_worker_turn(worker_db, 2, 0)
    return worker_db


def _stage(worker: Connection, turn_id: int, currencies: int) -> None:
    query = "insert into worker.staged_price select %s, d, case when d > 1 then 2.0 else 1.0 end"
    worker.execute(f"{query} from generate_series(1, %s) as d".encode(), (turn_id, currencies))
    worker.execute("delete from worker.active_collector")
    query = "insert into worker.active_collector select d, 1000000 + d, 'collector' from generate_series(1, %s) as d"
    worker.execute(query.encode(), (currencies,))
    worker.execute("select worker.stamp_staging(%s, 2, 0)", (turn_id,))


def _bid(worker: Connection, turn_id: int = 1) -> None:
    for lane in range(LANES):
        assert value(worker, "select worker.offer_candidates(%s, %s)", turn_id, lane) is True


def _settle(worker: Connection) -> None:
    stop_clock(worker, "2026-03-01T03:11:00Z")
    worker.execute(
        "update worker.worker_turn set phase = 3, worker_turn_subphase = 0, phase_deadline = null,"
        " collection_started_at = '2026-03-01T03:10:00Z'"
    )
    worker.execute("select worker.stamp_staging(1, 3, 0)")
    for lane in range(LANES):
        assert value(worker, "select worker.settle_lane(1, %s)", lane) is True


SIZES = [1_000, pytest.param(100_000, marks=pytest.mark.slow)]


@pytest.mark.parametrize("policies", SIZES)
def test_a_turn_reads_each_row_a_few_times(worker: Connection, policies: int) -> None:
    worker.execute(TRADERS.encode(), (policies // 2,))
    _stage(worker, 1, 41)
    plans = _Plans(worker)
    _bid(worker)
    assert value(worker, "select count(*) from worker.account_lock") == policies
    reads, where = plans.most_read()
    assert reads < READS_PER_ROW * policies, where

    # What the planner knows is from before the locks were prepared.
    worker.execute("analyze worker.account_lock")
    worker.execute("update worker.account_lock set transfer_id = 7")
    worker.execute(RESULTS.encode())
    plans.forget()
    rows(worker, "select count(*) from worker.sell_offers_to_ship(1)")
    rows(worker, "select count(*) from worker.buy_offers_to_ship(1)")
    _settle(worker)
    assert value(worker, "select count(*) from worker.account_lock") == policies * 9 // 10
    reads, where = plans.most_read()
    assert reads < READS_PER_ROW * policies, where


@pytest.mark.parametrize("policies", SIZES)
def test_locks_of_the_last_turn_are_overwritten_at_the_same_cost(worker: Connection, policies: int) -> None:
    worker.execute(TRADERS.encode(), (policies // 2,))
    _stage(worker, 1, 41)
    _bid(worker)
    # The planner believes that no lock was released yet.
    worker.execute("analyze worker.account_lock")
    worker.execute(
        "update worker.account_lock set transfer_id = 7, finalized_at = '2026-03-01', released_at = '2026-03-01',"
        " account_creation_date = '1970-01-01', account_last_transfer_number = 0"
    )
    insert_worker_turn(worker, 2, 0, 2)
    _stage(worker, 2, 41)
    plans = _Plans(worker)
    _bid(worker, 2)
    assert value(worker, "select count(*) from worker.account_lock where turn_id = 2") == policies
    reads, where = plans.most_read()
    assert reads < READS_PER_ROW * policies, where


@pytest.mark.parametrize("analyzed", [True, False], ids=["analyzed", "fresh"])
@pytest.mark.parametrize("pegs", PEGS)
def test_one_trader_with_all_policies(worker: Connection, pegs: str, analyzed: bool) -> None:
    worker.execute(TRADERS.encode(), (1_000,))
    worker.execute("delete from worker.trading_policy where creditor_id = 7")
    worker.execute(ONE_TRADER.replace("{peg}", PEGS[pegs]).replace("{count}", str(CHAIN)).encode())
    if analyzed:
        worker.execute("analyze worker.trading_policy")
    lane = value(worker, "select worker.lane_of(worker.hash32(7::bigint))")
    plans = _Plans(worker)
    query = "select count(*) from worker.priced_bids(1, %s) as b where b.creditor_id = 7"
    # The bid for the base currency is one more; no bid of a cycle has a price.
    assert value(worker, query, lane) == {"chain": CHAIN + 1, "star": CHAIN + 1, "cycle": 1}[pegs]
    assert not {"Merge Join", "Hash Join"} & plans.under_recursion()
    assert "Nested Loop" in plans.under_recursion()
    reads, where = plans.most_read()
    assert reads < READS_PER_ROW * CHAIN, where


@pytest.mark.parametrize("analyzed", [True, False], ids=["analyzed", "fresh"])
@pytest.mark.parametrize("pegs", PEGS)
def test_many_pegs_of_currencies(worker: Connection, pegs: str, analyzed: bool) -> None:
    worker.execute("update worker.worker_turn set max_distance_to_base = 32767")
    query = """
        insert into worker.staged_currency
        select 1, case when n > 1 then 'L' || n else 'B' end, n,
          case when p > 1 then 'L' || p else 'B' end, p, 1.0, true
        from generate_series(1, {count}) as n cross join lateral (select {peg} as p) as peg
    """
    worker.execute(query.replace("{count}", str(CHAIN)).replace("{peg}", CURRENCY_PEGS[pegs]).encode())
    if analyzed:
        worker.execute("analyze worker.staged_currency")
    plans = _Plans(worker)
    assert value(worker, "select worker.price_currencies(1)") is None
    assert value(worker, "select count(*) from worker.staged_price") == (1 if pegs == "cycle" else CHAIN)
    assert not {"Merge Join", "Hash Join"} & plans.under_recursion()
    reads, where = plans.most_read()
    assert reads < READS_PER_ROW * CHAIN, where

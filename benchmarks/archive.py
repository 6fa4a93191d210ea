"""What the archive of a turn costs: its time beside that from load to commit, and its size.

Usage: python -m benchmarks.archive [OFFERS …]

A market of the benchmark's typical family is put into a solver database whose commits wait for the disk, and solved
there as the solver does it.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
from psycopg import sql

from benchmarks.markets import as_shipped, market_of_offers
from pipelines.solver.binary_copy import write_integers
from pipelines.solver.market import Market
from pipelines.solver.report import Report
from pipelines.solver.solve import solve_turn
from sandbox.servers.postgres import PrivateServer
from sql.connections import connect
from sql.install import configure

RAW = Path(__file__).parent / "raw"
TURN = 1


def main() -> None:
    """Measures each size on a database of its own."""
    sizes = [int(float(text)) for text in sys.argv[1:]] or [100_000, 1_000_000]
    RAW.mkdir(exist_ok=True)
    for offers in sizes:
        report, size = measure(as_shipped(market_of_offers(offers, "typical")))
        archive = report.seconds["archive"]
        before = sum(report.seconds.values()) - archive
        print(
            f"{report.offers:,} offers: load to commit {before:.2f} s, "
            f"archive {archive:.2f} s ({archive / before:.1%}), {size / 1e6:.1f} MB"
        )
        path = RAW / f"archive-{offers}-{time.strftime('%Y%m%d-%H%M%S')}.json"
        path.write_text(json.dumps({"archive_bytes": size, **asdict(report)}, indent=2) + "\n")


def measure(market: Market) -> tuple[Report, int]:
    """Solves a turn; returns the report, and how many bytes its archive has."""
    with PrivateServer(durable=True) as server:
        with server.admin() as admin:
            admin.execute(b"create database solver")
        with connect(server.database_url("solver"), "benchmark") as solver:
            configure(solver, "solver")
            fill(solver, market)
            report = solve_turn(solver, TURN)
            row = solver.execute("select sum(bytes) from solver.archived_turns()").fetchone()
    if report is None or row is None or row[0] is None:
        raise RuntimeError("the turn was not solved, or not archived")
    return report, int(row[0])


def fill(solver: psycopg.Connection[Any], market: Market) -> None:
    """Inserts a turn whose phase 2 is over."""
    parameters = market.parameters
    solver.execute(
        "insert into solver.turn (turn_id, started_at, base_debtor_info_locator, base_debtor_id, max_distance_to_base,"
        " min_trade_amount, phase, phase_deadline, collection_deadline) values (%s, solver.now() - interval '1 hour',"
        " %s, %s, %s, %s, 2, solver.now() - interval '1 minute', solver.now())",
        (
            TURN,
            parameters.base_debtor_info_locator,
            parameters.base_debtor_id,
            parameters.max_distance_to_base,
            parameters.min_trade_amount,
        ),
    )
    with solver.cursor() as cursor:
        with cursor.copy(
            "copy solver.currency_info (turn_id, debtor_info_locator, debtor_id, peg_debtor_info_locator,"
            " peg_debtor_id, peg_exchange_rate, is_confirmed) from stdin"
        ) as copy:
            for row in market.currencies.rows():
                copy.write_row((TURN, *row))
        with cursor.copy(
            "copy solver.collector_account (debtor_id, collector_id, collector_hash, account_id, status,"
            " latest_status_change_at) from stdin"
        ) as copy:
            for debtor_id, collector_id in market.collector_accounts.rows():
                copy.write_row((debtor_id, collector_id, 0, "id", 2, "2026-01-01T00:00:00Z"))
    for table, frame in (("sell_offer", market.sell_offers), ("buy_offer", market.buy_offers)):
        rows = frame.select(pl.lit(TURN, dtype=pl.Int32).alias("turn_id"), pl.all())
        with solver.transaction():
            write_integers(solver, sql.Identifier("solver", table), rows)
    solver.execute("analyze")


if __name__ == "__main__":
    main()

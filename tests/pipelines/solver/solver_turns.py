"""Turns in the solver's database that are about to be solved."""

from __future__ import annotations

from typing import Any

import psycopg

from pipelines.solver.market import Market

Connection = psycopg.Connection[tuple[Any, ...]]

OFFERS = "S 1 1 5000 997; S 2 1 6000 998; S 3 2 10000 999; B 1 2 20000; B 2 2 20000; B 3 1 30000"
COLLECTORS = [(1, 997), (1, 998), (2, 999)]


def insert_turn(connection: Connection, market: Market, turn_id: int, phase: int = 2) -> None:
    """A turn whose offers are in, with its deadline passed a minute ago."""
    connection.execute(
        "insert into solver.turn (turn_id, started_at, base_debtor_info_locator, base_debtor_id, max_distance_to_base,"
        " min_trade_amount, phase, phase_deadline, collection_deadline) values"
        " (%s, solver.now() - interval '1 hour', %s, %s, 10, %s, %s, solver.now() - interval '1 minute', solver.now())",
        (
            turn_id,
            market.parameters.base_debtor_info_locator,
            market.parameters.base_debtor_id,
            market.parameters.min_trade_amount,
            phase,
        ),
    )
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into solver.currency_info values (%s, %s, %s, %s, %s, %s, %s)",
            [(turn_id, *row) for row in market.currencies.rows()],
        )
        cursor.executemany(
            "update solver.currency_info set name = %s, abbreviation = %s where turn_id = %s and debtor_id = %s",
            [(name, abbreviation, turn_id, debtor_id) for debtor_id, name, abbreviation in market.names.rows()],
        )
        cursor.executemany(
            "insert into solver.collector_account (debtor_id, collector_id, account_id, status,"
            " latest_status_change_at) values (%s, %s, 'id', 2, solver.now())",
            market.collector_accounts.rows(),
        )
        cursor.executemany(
            "insert into solver.sell_offer values (%s, %s, %s, %s, %s)",
            [(turn_id, *row) for row in market.sell_offers.rows()],
        )
        cursor.executemany(
            "insert into solver.buy_offer values (%s, %s, %s, %s)",
            [(turn_id, *row) for row in market.buy_offers.rows()],
        )

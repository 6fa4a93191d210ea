"""Reads a market: from a directory of parquet files, or from the solver database."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
from psycopg import sql

from pipelines.solver.exactly import Inexact, exactly
from pipelines.solver.files import read_frame
from pipelines.solver.market import (
    BUY_OFFERS,
    COLLECTOR_ACCOUNTS,
    CURRENCIES,
    NAMES,
    SELL_OFFERS,
    Market,
    MarketError,
    TurnParameters,
)
from sql.statuses import CollectorStatus, TurnPhase

PARAMETERS = ["base_debtor_info_locator", "base_debtor_id", "max_distance_to_base", "min_trade_amount"]
ROWS_AT_ONCE = 50_000
FRAMES = {
    "currencies": CURRENCIES,
    "collector_accounts": COLLECTOR_ACCOUNTS,
    "sell_offers": SELL_OFFERS,
    "buy_offers": BUY_OFFERS,
}


def load_directory(directory: Path) -> Market:
    """Reads meta.json and four frames (see files.py), and the names of currencies if there are some.

    Raises MarketError when one is missing or wrong.
    """
    parameters = _read_parameters(directory / "meta.json")
    read = [read_frame(directory, name, schema) for name, schema in FRAMES.items()]
    names, found = read_frame(directory, "names", NAMES, is_needed=False)
    return Market(
        parameters,
        *(frame for frame, _ in read),
        names=names.drop_nulls("debtor_id").unique("debtor_id", keep="first", maintain_order=True).sort("debtor_id"),
        warnings=(*(warning for _, warnings in read for warning in warnings), *found),
    )


def _read_parameters(path: Path) -> TurnParameters:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise MarketError(f"{path}: cannot be read: {error.strerror}") from error
    return parameters_of(content, str(path))


def parameters_of(content: bytes, name: str) -> TurnParameters:
    """The parameters in a meta.json. Raises MarketError, in which the file is called `name`."""
    try:
        meta = json.loads(content.decode("utf-8"))
    except ValueError as error:
        raise MarketError(f"{name}: not JSON: {error}") from error
    missing = [key for key in PARAMETERS if not isinstance(meta, dict) or key not in meta]
    if missing:
        raise MarketError(f"{name}: missing keys: {', '.join(missing)}")
    base_debtor_id = meta["base_debtor_id"]
    if isinstance(base_debtor_id, str | int) and not isinstance(base_debtor_id, bool):
        try:
            column = exactly(pl.Series("base_debtor_id", [str(base_debtor_id)]), pl.Int64)
        except Inexact:
            raise MarketError(f"{name}: base_debtor_id must be a whole number of 64 bits") from None
        meta["base_debtor_id"] = column[0]
    try:
        return TurnParameters(**{key: meta[key] for key in PARAMETERS})
    except MarketError as error:
        raise MarketError(f"{name}: {error}") from error


def load_turn(connection: psycopg.Connection[Any], turn_id: int) -> Market | None:
    """Reads what a turn in phase 2 gathered in the solver database, or None if the turn is in another phase.

    Workers may still add offers meanwhile; what is missed is just not traded. The transaction ends at once.
    """
    with connection.transaction():
        turn = connection.execute(
            "select base_debtor_info_locator, base_debtor_id, max_distance_to_base, min_trade_amount"
            " from solver.turn where turn_id = %s and phase = %s",
            (turn_id, TurnPhase.OFFERS),
        ).fetchone()
        if turn is None:
            return None
        currencies = connection.execute(
            "select debtor_info_locator, debtor_id, peg_debtor_info_locator, peg_debtor_id, peg_exchange_rate,"
            " is_confirmed from solver.currency_info where turn_id = %s",
            (turn_id,),
            binary=True,
        ).fetchall()
        # What somebody else's document says of a currency is not to be believed.
        names = connection.execute(
            "select debtor_id, name, abbreviation from solver.currency_info where turn_id = %s and is_confirmed"
            " and (name is not null or abbreviation is not null) order by debtor_id",
            (turn_id,),
            binary=True,
        ).fetchall()
        return Market(
            parameters=TurnParameters(*turn),
            currencies=pl.DataFrame(currencies, schema=CURRENCIES, orient="row"),
            collector_accounts=_read(
                connection,
                sql.SQL("select debtor_id, collector_id from solver.collector_account where status = {}").format(
                    sql.Literal(CollectorStatus.ACTIVE)
                ),
                COLLECTOR_ACCOUNTS,
            ),
            sell_offers=_read_offers(connection, "sell_offer", SELL_OFFERS, turn_id),
            buy_offers=_read_offers(connection, "buy_offer", BUY_OFFERS, turn_id),
            names=pl.DataFrame(names, schema=NAMES, orient="row"),
        )


def _read_offers(
    connection: psycopg.Connection[Any], table: str, schema: dict[str, type[pl.DataType]], turn_id: int
) -> pl.DataFrame:
    query = sql.SQL("select {} from {} where turn_id = {}").format(
        sql.SQL(", ").join(map(sql.Identifier, schema)), sql.Identifier("solver", table), sql.Literal(turn_id)
    )
    return _read(connection, query, schema)


def _read(
    connection: psycopg.Connection[Any], query: sql.SQL | sql.Composed, schema: dict[str, type[pl.DataType]]
) -> pl.DataFrame:
    """The result of a query, through a cursor of the server: only a part of the rows are Python objects at a time."""
    frames = [pl.DataFrame(schema=schema)]
    with connection.cursor("market", binary=True) as cursor:
        cursor.execute(query)
        while rows := cursor.fetchmany(ROWS_AT_ONCE):
            frames.append(pl.DataFrame(rows, schema=schema, orient="row"))
    return pl.concat(frames)

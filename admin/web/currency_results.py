"""What a turn did in its currencies, from its archive.

Everything raises NotArchived, which says why, where there is none. Connections may give rows of any kind.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from pipelines.names import CurrencyName, archived_names
from pipelines.solver.archived import archive_of
from pipelines.solver.archived_rows import Rows, SortedFile

Connection = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True)
class PegStep:
    """A currency on the way to the base. A token of it is worth `rate` tokens of the next one; None for the base."""

    debtor_id: int
    rate: float | None


@dataclass(frozen=True, slots=True)
class CurrencyResult:
    """What a turn did in a currency. Amounts are in tokens; 2^63-1 stands for more.

    `name` and `abbreviation` are what the currency calls itself; others may have the same.
    Without a price nothing was traded. `path` leads from the currency to the base; it is None without a price, and for
    more than a hundred pegs.
    """

    debtor_id: int
    debtor_info_locator: str | None
    is_confirmed: bool
    price: float | None
    peg_debtor_id: int | None
    peg_exchange_rate: float | None
    path: list[PegStep] | None
    sell_offers: int
    offered_amount: int
    buy_offers: int
    wanted_amount: int
    takings: int
    givings: int
    traded_amount: int
    collector_transfers: int
    name: str | None = None
    abbreviation: str | None = None


def currency_results(connection: Connection, turn_id: int, after: int | None, limit: int) -> list[CurrencyResult]:
    """Up to `limit` currencies by (signed) debtor ID, those after an ID if one is given."""
    started_at = archive_of(connection, turn_id)
    rows = _currencies(connection, turn_id, started_at).after(after, limit)
    return _with_names(connection, turn_id, started_at, rows)


def find_currencies(connection: Connection, turn_id: int, debtor_ids: Collection[int]) -> dict[int, CurrencyResult]:
    """Those of these currencies that the turn knew, by debtor ID."""
    started_at = archive_of(connection, turn_id)
    rows = _currencies(connection, turn_id, started_at).of(debtor_ids)
    return {result.debtor_id: result for result in _with_names(connection, turn_id, started_at, rows)}


def currency_names(connection: Connection, turn_id: int, debtor_ids: Collection[int]) -> dict[int, CurrencyName]:
    """What those of these currencies call themselves that had a name in the turn, by debtor ID."""
    return archived_names(connection, turn_id, archive_of(connection, turn_id), debtor_ids)


def _currencies(connection: Connection, turn_id: int, started_at: datetime) -> SortedFile:
    return SortedFile(connection, turn_id, started_at, "currency_figures", "debtor_id")


def _with_names(connection: Connection, turn_id: int, started_at: datetime, rows: Rows) -> list[CurrencyResult]:
    names = archived_names(connection, turn_id, started_at, [row["debtor_id"] for row in rows])
    return [_currency(row, names.get(row["debtor_id"], CurrencyName())) for row in rows]


def _currency(row: dict[str, Any], name: CurrencyName) -> CurrencyResult:
    path, rates = row.pop("path"), row.pop("path_rates")
    steps = None if path is None else [PegStep(*step) for step in zip(path, [*rates, None], strict=True)]
    return CurrencyResult(path=steps, name=name.name, abbreviation=name.abbreviation, **row)

"""What a turn did in its currencies, from its archive.

Everything raises NotArchived, which says why, where there is none. Connections may give rows of any kind.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import psycopg

from pipelines.solver.archived import archive_of
from pipelines.solver.archived_rows import SortedFile

Connection = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True)
class PegStep:
    """A currency on the way to the base. A token of it is worth `rate` tokens of the next one; None for the base."""

    debtor_id: int
    rate: float | None


@dataclass(frozen=True, slots=True)
class CurrencyResult:
    """What a turn did in a currency. Amounts are in tokens; 2^63-1 stands for more.

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


def currency_results(connection: Connection, turn_id: int, after: int | None, limit: int) -> list[CurrencyResult]:
    """Up to `limit` currencies by (signed) debtor ID, those after an ID if one is given."""
    return [_currency(row) for row in _currencies(connection, turn_id).after(after, limit)]


def find_currencies(connection: Connection, turn_id: int, debtor_ids: Collection[int]) -> dict[int, CurrencyResult]:
    """Those of these currencies that the turn knew, by debtor ID."""
    return {row["debtor_id"]: _currency(row) for row in _currencies(connection, turn_id).of(debtor_ids)}


def _currencies(connection: Connection, turn_id: int) -> SortedFile:
    return SortedFile(connection, turn_id, archive_of(connection, turn_id), "currency_figures", "debtor_id")


def _currency(row: dict[str, Any]) -> CurrencyResult:
    path, rates = row.pop("path"), row.pop("path_rates")
    steps = None if path is None else [PegStep(*step) for step in zip(path, [*rates, None], strict=True)]
    return CurrencyResult(path=steps, **row)

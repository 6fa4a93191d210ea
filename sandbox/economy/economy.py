"""An invented economy: currencies pegged in a tree, traders with wallets, and what each of them wants."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import polars as pl

from sandbox.creditors.agent import Policy

CurrencyKind = Literal["base", "national", "regional", "city", "company"]
# Regular traders both sell and buy at the declared rates. The others do not get to trade, as in real life: they only
# sell or only buy, they approve a slightly wrong rate, or they offer what nobody wants.
TraderKind = Literal["regular", "one_sided", "wrong_rate", "without_counterpart"]


@dataclass(frozen=True, slots=True)
class Currency:
    """A currency. One token is worth `peg_rate` tokens of the peg currency and `price` tokens of the base currency.

    `amount_divisor` tokens make one `unit`; no other currency has a unit of that name. `depth` is the number of pegs
    between the currency and the base.
    """

    debtor_id: int
    name: str
    unit: str
    kind: CurrencyKind
    place: str
    amount_divisor: int
    decimal_places: int
    depth: int
    price: float
    peg_debtor_id: int | None
    peg_rate: float | None


@dataclass(frozen=True, slots=True)
class Trader:
    """A business or a person."""

    creditor_id: int
    name: str
    is_business: bool
    city: str
    country: str
    kind: TraderKind


@dataclass(frozen=True, slots=True)
class TraderAccount:
    """What a trader has of a currency (`principal`, tokens), and between which amounts he wants to be."""

    creditor_id: int
    debtor_id: int
    principal: int
    min_principal: int
    max_principal: int
    peg_debtor_id: int | None
    peg_rate: float | None

    @property
    def policy(self) -> Policy:
        """The account's settings as the creditors agent knows them."""
        return Policy("conservative", self.min_principal, self.max_principal, self.peg_debtor_id, self.peg_rate)

    @property
    def wanted(self) -> int:
        """Tokens the trader wants to get (positive) or to give away (negative)."""
        if self.principal < self.min_principal:
            return self.min_principal - self.principal
        return min(0, self.max_principal - self.principal)


@dataclass(frozen=True)
class Economy:
    """Everything there is before the first turn. The same arguments always make the same economy."""

    seed: int
    base_debtor_id: int
    currencies: tuple[Currency, ...]
    traders: tuple[Trader, ...]
    accounts: tuple[TraderAccount, ...]

    @cached_property
    def currency_by_id(self) -> dict[int, Currency]:
        return {currency.debtor_id: currency for currency in self.currencies}

    @cached_property
    def trader_by_id(self) -> dict[int, Trader]:
        return {trader.creditor_id: trader for trader in self.traders}

    def to_parquet(self, folder: Path) -> list[Path]:
        """Writes `currencies`, `traders` and `accounts`, each as a Parquet file; returns the paths."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = []
        tables: dict[str, list[dict[str, object]]] = {
            "currencies": [asdict(currency) for currency in self.currencies],
            "traders": [asdict(trader) for trader in self.traders],
            "accounts": [asdict(account) for account in self.accounts],
        }
        for name, rows in tables.items():
            path = folder / f"{name}.parquet"
            pl.DataFrame(rows, infer_schema_length=None).write_parquet(path)
            paths.append(path)
        return paths

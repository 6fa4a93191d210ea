"""The typed frames at the borders of the solver pipeline.

Identifiers and token amounts are signed 64-bit integers everywhere; prices and exchange rates are doubles (value of
one token in base tokens, or in tokens of the peg currency).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from pipelines.solver.untraded import UNTRADED, Values

MAX_AMOUNT = 2**63 - 1

CURRENCIES: dict[str, type[pl.DataType]] = {
    "debtor_info_locator": pl.String,
    "debtor_id": pl.Int64,
    "peg_debtor_info_locator": pl.String,
    "peg_debtor_id": pl.Int64,
    "peg_exchange_rate": pl.Float64,
    "is_confirmed": pl.Boolean,
}
NAMES: dict[str, type[pl.DataType]] = {"debtor_id": pl.Int64, "name": pl.String, "abbreviation": pl.String}
COLLECTOR_ACCOUNTS: dict[str, type[pl.DataType]] = {"debtor_id": pl.Int64, "collector_id": pl.Int64}
BUY_OFFERS: dict[str, type[pl.DataType]] = {"creditor_id": pl.Int64, "debtor_id": pl.Int64, "amount": pl.Int64}
SELL_OFFERS: dict[str, type[pl.DataType]] = {**BUY_OFFERS, "collector_id": pl.Int64}
TAKINGS = SELL_OFFERS
GIVINGS = SELL_OFFERS
COLLECTOR_TRANSFERS: dict[str, type[pl.DataType]] = {
    "debtor_id": pl.Int64,
    "from_collector_id": pl.Int64,
    "to_collector_id": pl.Int64,
    "amount": pl.Int64,
}


class MarketError(ValueError):
    """The input is not a market at all: a missing file, column or parameter, or one of the wrong type."""


@dataclass(frozen=True)
class TurnParameters:
    """What a turn fixes for its solver: the root of the peg tree, its depth in pegs, the least trade in tokens."""

    base_debtor_info_locator: str
    base_debtor_id: int
    max_distance_to_base: int
    min_trade_amount: int

    def __post_init__(self) -> None:
        if not isinstance(self.base_debtor_info_locator, str):
            raise MarketError("base_debtor_info_locator must be a text")
        for name, least in (("base_debtor_id", -MAX_AMOUNT - 1), ("max_distance_to_base", 1), ("min_trade_amount", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= MAX_AMOUNT:
                raise MarketError(f"{name} must be a whole number from {least} to {MAX_AMOUNT}")

    @property
    def least_trade(self) -> int:
        """The least taking or giving in tokens. A single token cannot be paid: the collector's cut takes it all."""
        return max(self.min_trade_amount, 2)


@dataclass(frozen=True)
class Market:
    """Everything the solver sees of one turn. The collector accounts are the active ones only.

    `names` is what confirmed currencies call themselves (see pipelines/names.py). `warnings` are about the files that
    it was read from.
    """

    parameters: TurnParameters
    currencies: pl.DataFrame
    collector_accounts: pl.DataFrame
    sell_offers: pl.DataFrame
    buy_offers: pl.DataFrame
    names: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=NAMES), kw_only=True)
    warnings: tuple[str, ...] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        """Brings the frames to their schemas. A value that does not fit its type becomes missing."""
        for name, schema in (
            ("currencies", CURRENCIES),
            ("collector_accounts", COLLECTOR_ACCOUNTS),
            ("sell_offers", SELL_OFFERS),
            ("buy_offers", BUY_OFFERS),
            ("names", NAMES),
        ):
            object.__setattr__(self, name, conform(getattr(self, name), schema, name))
        # 0 is nobody's ID, so it cannot be a collector's either.
        collectors = self.collector_accounts.drop_nulls().filter(pl.col("collector_id") != 0)
        object.__setattr__(self, "collector_accounts", collectors.unique().sort(pl.all()))


@dataclass(frozen=True)
class Trades:
    """What is taken from sellers, given to buyers, and sent between collectors. Amounts are positive tokens."""

    takings: pl.DataFrame
    givings: pl.DataFrame
    collector_transfers: pl.DataFrame

    @staticmethod
    def none() -> Trades:
        """The empty answer, which is always valid."""
        return Trades(*(pl.DataFrame(schema=schema) for schema in (TAKINGS, GIVINGS, COLLECTOR_TRANSFERS)))


@dataclass(frozen=True)
class Solution:
    """The checked answer for a market. Values are in base tokens; `seconds` is the time of each step.

    `upper_bound` is that of parts of tokens (see report.py). `untraded` has every offer that trades nothing, with the
    reason (see untraded.py), and `untraded_counts` how many there are of each. `left_out` has the counts of those that
    took no part in the match: something is odd about them. `offered_values` is what all offers are worth that have a
    price, `untraded_values` what those are worth that trade nothing, by reason; both for each side, `sell` and `buy`.
    With `time_limit_reached` another run may find another answer.
    `flow` is that of the values before they were rounded (see circles.py), where it was asked for.
    """

    trades: Trades
    traded_value: float
    upper_bound: float
    left_out: dict[str, int]
    warnings: list[str]
    seconds: dict[str, float]
    untraded: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=UNTRADED))
    untraded_counts: dict[str, int] = field(default_factory=dict)
    untraded_values: dict[str, Values] = field(default_factory=dict)
    offered_values: Values = field(default_factory=dict)
    time_limit_reached: bool = False
    flow: pl.DataFrame | None = None


def conform(frame: pl.DataFrame, schema: dict[str, type[pl.DataType]], name: str) -> pl.DataFrame:
    """Selects the columns of `schema` and casts them. Raises MarketError when one is missing or of no use."""
    missing = [column for column in schema if column not in frame.columns]
    if missing:
        raise MarketError(f"{name}: missing columns: {', '.join(missing)}")
    try:
        return frame.select(pl.col(column).cast(dtype, strict=False) for column, dtype in schema.items())
    except pl.exceptions.PolarsError as error:
        raise MarketError(f"{name}: {error}") from error

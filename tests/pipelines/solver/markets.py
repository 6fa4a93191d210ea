"""Small markets for the tests of the solver, and a plain-Python reading of the contract of a solution."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from fractions import Fraction

import polars as pl

from pipelines.solver.market import (
    BUY_OFFERS,
    COLLECTOR_ACCOUNTS,
    CURRENCIES,
    SELL_OFFERS,
    Market,
    Trades,
    TurnParameters,
)

BASE = "https://example.com/base"


def locator(debtor_id: int) -> str:
    return BASE if debtor_id == 1 else f"https://example.com/{debtor_id}"


def make_market(
    offers: str | Iterable[tuple[str | int, ...]],
    rates: dict[int, float] | None = None,
    collectors: Iterable[tuple[int, int]] = (),
    minimum: int = 1000,
    unconfirmed: Iterable[int] = (),
) -> Market:
    """A market with base currency 1; every other currency of `rates` is pegged to it.

    Offers are tuples or text as in the vectors: "S t c a k" (seller t sells a of currency c, collector k) and
    "B t c a", separated by semicolons. `collectors` are pairs of (debtor_id, collector_id).
    """
    if isinstance(offers, str):
        parts = [part.split() for part in offers.split(";") if part.strip()]
        offers = [(words[0], *map(int, words[1:])) for words in parts]
    rows = list(offers)
    pegs = {debtor_id: rate for debtor_id, rate in (rates or {}).items() if debtor_id != 1}
    return Market(
        parameters=TurnParameters(BASE, 1, 10, minimum),
        currencies=pl.DataFrame(
            [(BASE, 1, None, None, None, 1 not in unconfirmed)]
            + [(locator(c), c, BASE, 1, rate, c not in unconfirmed) for c, rate in pegs.items()],
            schema=CURRENCIES,
            orient="row",
        ),
        collector_accounts=pl.DataFrame(list(collectors), schema=COLLECTOR_ACCOUNTS, orient="row"),
        sell_offers=pl.DataFrame([row[1:] for row in rows if row[0] == "S"], schema=SELL_OFFERS, orient="row"),
        buy_offers=pl.DataFrame([row[1:] for row in rows if row[0] == "B"], schema=BUY_OFFERS, orient="row"),
    )


def random_market(seed: int, traders: int, currencies: int, minimum: int, sigma: float = 1.5) -> Market:
    """A connected economy: pegs in a tree, local and popular currencies, heavy-tailed amounts."""
    rng = random.Random(seed)
    price = {1: 1.0}
    rows: list[tuple[str, int, str | None, int | None, float | None, bool]] = [(BASE, 1, None, None, None, True)]
    collectors = [(1, 101)]
    for c in range(2, currencies + 1):
        peg = rng.randrange(1, c)
        rate = rng.lognormvariate(0.0, 1.0)
        price[c] = price[peg] * rate
        rows.append((locator(c), c, locator(peg), peg, rate, rng.random() < 0.95))
        collectors += [(c, 100 * c + k) for k in range(rng.randrange(0, 4))]
    offers: dict[tuple[int, int], tuple[str | int, ...]] = {}
    for t in range(1000, 1000 + traders):
        size = rng.lognormvariate(11.0, sigma)
        for _ in range(rng.randrange(2, 7)):
            c = min(int(rng.paretovariate(0.7)), currencies)
            amount = max(1, round(size * rng.lognormvariate(0.0, 1.0) / price[c]))
            known = [k for debtor_id, k in collectors if debtor_id == c] or [100 * c + 99]
            offers[(t, c)] = ("S", t, c, amount, rng.choice(known)) if rng.random() < 0.5 else ("B", t, c, amount)
    market = make_market(offers.values(), collectors=collectors, minimum=minimum)
    return Market(
        parameters=market.parameters,
        currencies=pl.DataFrame(rows, schema=CURRENCIES, orient="row"),
        collector_accounts=market.collector_accounts,
        sell_offers=market.sell_offers,
        buy_offers=market.buy_offers,
    )


def broken_rules(market: Market, prices: dict[int, float], trades: Trades) -> set[str]:
    """Which of S1 to S11 the trades break, by looping over them with Python's own integers and fractions."""
    broken: set[str] = set()
    takings = trades.takings.rows(named=True)
    givings = trades.givings.rows(named=True)
    transfers = trades.collector_transfers.rows(named=True)
    sells: dict[tuple[int, int], list[dict[str, int]]] = {}
    for offer in market.sell_offers.rows(named=True):
        sells.setdefault((offer["creditor_id"], offer["debtor_id"]), []).append(offer)
    buys: Counter[tuple[int, int]] = Counter()
    for offer in market.buy_offers.rows(named=True):
        account = offer["creditor_id"], offer["debtor_id"]
        buys[account] = max(buys[account], offer["amount"])
    active = set(market.collector_accounts.rows())

    def require(rule: str, holds: bool) -> None:
        if not holds:
            broken.add(rule)

    currency: Counter[int] = Counter()
    balance: dict[int, Fraction] = {}
    slack: dict[int, Fraction] = {}
    collected: Counter[tuple[int, int]] = Counter()
    dispatched: Counter[tuple[int, int]] = Counter()
    sent: Counter[tuple[int, int]] = Counter()
    received: Counter[tuple[int, int]] = Counter()
    for sign, side in ((-1, takings), (1, givings)):
        for row in side:
            t, c, amount, k = row["creditor_id"], row["debtor_id"], row["amount"], row["collector_id"]
            currency[c] += sign * amount
            require("S10", c in prices)
            exact = Fraction(prices.get(c, 0.0))
            balance[t] = balance.get(t, Fraction(0)) + sign * amount * exact
            slack[t] = slack.get(t, Fraction(0)) + exact
            require("S4", amount >= market.parameters.min_trade_amount)
            require("S8", 1 <= amount < 2**63)
            if sign < 0:
                offers = sells.get((t, c), [])
                require("S2", 1 <= amount <= max((o["amount"] for o in offers), default=0))
                require("S9", k in [o["collector_id"] for o in offers])
                collected[c, k] += amount
            else:
                require("S2", 1 <= amount <= buys[t, c])
                has_active = any(debtor_id == c for debtor_id, _ in active)
                sellers = {o["collector_id"] for (_, d), group in sells.items() if d == c for o in group}
                require("S9", (c, k) in active if has_active else k in sellers)
                require("S11", amount != 1)
                dispatched[c, k] += amount
    require("S1", not any(currency.values()))
    require("S3", all(abs(balance[t]) <= slack[t] for t in balance))
    require("S5", {r["creditor_id"] for r in takings} == {r["creditor_id"] for r in givings})
    accounts = [(r["creditor_id"], r["debtor_id"]) for r in (*takings, *givings)]
    require("S6", len(set(accounts)) == len(accounts))
    for row in transfers:
        c, start, end, amount = row.values()
        require("S7", start != end)
        require("S8", 1 <= amount < 2**63)
        require("S11", amount != 1)
        sent[c, start] += amount
        received[c, end] += amount
    require("S7", len({tuple(row.values())[:3] for row in transfers}) == len(transfers))
    require("S7", not sent.keys() & received.keys())
    for key in {*collected, *dispatched, *sent, *received}:
        require("S7", collected[key] + received[key] == dispatched[key] + sent[key])
        require("S8", collected[key] + received[key] < 2**63 and dispatched[key] + sent[key] < 2**63)
    return broken

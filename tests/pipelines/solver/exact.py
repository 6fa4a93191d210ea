"""The exact optimum of tiny markets, by an integer program and by trying everything.

A token of each currency is worth a whole number here, so values are integers and nothing is rounded.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import product

import polars as pl
from ortools.sat.python import cp_model

from pipelines.solver.market import Market
from tests.pipelines.solver.markets import make_market


@dataclass(frozen=True)
class Offer:
    """An account with something to sell or to buy. `price` is the worth of a token in base tokens."""

    trader: int
    currency: int
    is_sell: bool
    amount: int
    price: int


def random_offers(seed: int, prices: tuple[int, ...], least: int, most: int) -> list[Offer]:
    """A small contested economy of 3 to 7 traders. Amounts are from `least` to `most` tokens, log-uniform."""
    rng = random.Random(seed)
    currencies = [(currency, rng.choice(prices)) for currency in range(1, rng.randint(2, 4) + 1)]
    offers = []
    for trader in range(1, rng.randint(3, 7) + 1):
        accounts = rng.sample(currencies, rng.randint(2, len(currencies)))
        for place, (currency, price) in enumerate(accounts):
            is_sell = place == 0 or (place > 1 and rng.random() < 0.5)
            amount = round(least * (most / least) ** rng.random())
            offers.append(Offer(trader, currency, is_sell, amount, price))
    return offers


def side_by_side(economies: list[list[Offer]], minimum: int) -> Market:
    """One market of many economies that have nothing to do with each other: economy n has the IDs from 100 * n on."""
    rows: list[tuple[str | int, ...]] = []
    rates = {}
    for number, offers in enumerate(economies, start=1):
        for offer in offers:
            trader, currency = 100 * number + offer.trader, 100 * number + offer.currency
            rates[currency] = float(offer.price)
            rows.append(
                ("S", trader, currency, offer.amount, 9) if offer.is_sell else ("B", trader, currency, offer.amount)
            )
    return make_market(rows, rates, minimum=minimum)


def values_by_economy(takings: pl.DataFrame, economies: list[list[Offer]]) -> list[int]:
    """The value sold in each economy of `side_by_side`, in base tokens."""
    prices = {100 * n + o.currency: o.price for n, offers in enumerate(economies, start=1) for o in offers}
    values = [0] * len(economies)
    for debtor_id, amount in takings.select("debtor_id", "amount").iter_rows():
        values[debtor_id // 100 - 1] += amount * prices[debtor_id]
    return values


def best_value(offers: list[Offer], minimum: int, in_tokens: bool, slack: int) -> int:
    """The most value that can be traded, in base tokens.

    Each offer trades nothing, or from `minimum` tokens to its amount. `in_tokens`: whole tokens only; else parts of
    tokens down to a base token of value. Given and received value of a trader differ by at most `slack` tokens of each
    traded currency. Who gives also receives. Currencies add up exactly.
    """
    model = cp_model.CpModel()
    by_currency: dict[int, list[cp_model.LinearExpr]] = {}
    by_trader: dict[int, list[tuple[Offer, cp_model.LinearExpr, cp_model.IntVar]]] = {}
    sold = []
    for offer in offers:
        if offer.amount < minimum:
            continue
        unit = offer.price if in_tokens else 1
        most = offer.amount * offer.price // unit
        least = minimum * offer.price // unit
        flow = model.new_int_var(0, most, "")
        trades = model.new_bool_var("")
        model.add(flow >= least * trades)
        model.add(flow <= most * trades)
        value = flow * unit * (1 if offer.is_sell else -1)
        by_currency.setdefault(offer.currency, []).append(value)
        by_trader.setdefault(offer.trader, []).append((offer, value, trades))
        if offer.is_sell:
            sold.append(value)
    for values in by_currency.values():
        model.add(sum(values) == 0)
    for accounts in by_trader.values():
        balance = sum(value for _, value, _ in accounts)
        allowed = sum(trades * offer.price * slack for offer, _, trades in accounts)
        model.add(balance <= allowed)
        model.add(balance >= -allowed)
        for offer, _, trades in accounts:
            model.add(sum(t for o, _, t in accounts if o.is_sell != offer.is_sell) >= trades)
    model.maximize(sum(sold))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    assert solver.solve(model) == cp_model.OPTIMAL
    value: int = round(solver.objective_value)
    return value


def best_value_by_trying(offers: list[Offer], minimum: int, slack: int) -> int:
    """The same as `best_value` in whole tokens, by trying all amounts of all offers."""
    choices = [[0, *range(minimum, offer.amount + 1)] for offer in offers]
    best = 0
    for amounts in product(*choices):
        currencies: dict[int, int] = {}
        balances: dict[int, int] = {}
        allowed: dict[int, int] = {}
        sides: dict[int, set[bool]] = {}
        value = 0
        for offer, amount in zip(offers, amounts, strict=True):
            if amount:
                signed = amount if offer.is_sell else -amount
                currencies[offer.currency] = currencies.get(offer.currency, 0) + signed
                balances[offer.trader] = balances.get(offer.trader, 0) + signed * offer.price
                allowed[offer.trader] = allowed.get(offer.trader, 0) + slack * offer.price
                sides.setdefault(offer.trader, set()).add(offer.is_sell)
                value += amount * offer.price * offer.is_sell
        if (
            value > best
            and not any(currencies.values())
            and all(abs(balances[t]) <= allowed[t] and len(sides[t]) == 2 for t in balances)
        ):
            best = value
    return best

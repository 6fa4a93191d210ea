"""Small economies: everybody has an account in every currency, and most want something that another one gives."""

from __future__ import annotations

import random

from sandbox.economy.economy import Currency, Economy, Trader, TraderAccount
from sandbox.economy.generator import FIRST_CREDITOR_ID

FIRST_DEBTOR_ID = 0x100000001
_RATES = (1.0, 0.5, 2.0, 0.1, 3.7, 1.25)
_SCALES = (200, 5_000, 1_000_000, 10**12)


def make_market(dice: random.Random) -> Economy:
    """3 to 5 currencies in a tree, 5 to 12 traders; amounts from hundreds to billions of tokens."""
    currencies: list[Currency] = []
    for number in range(dice.randint(3, 5)):
        peg = dice.choice(currencies) if currencies else None
        rate = dice.choice(_RATES) if peg else None
        debtor_id = FIRST_DEBTOR_ID + number
        currencies.append(
            Currency(
                debtor_id=debtor_id if number != 2 else -debtor_id,
                name=f"currency {number}",
                unit=f"C{number}",
                kind="base" if peg is None else "national",
                place="Testland",
                amount_divisor=1,
                decimal_places=0,
                depth=0 if peg is None else peg.depth + 1,
                price=1.0 if peg is None or rate is None else peg.price * rate,
                peg_debtor_id=None if peg is None else peg.debtor_id,
                peg_rate=rate,
            )
        )
    scale = dice.choice(_SCALES)
    traders = [
        Trader(FIRST_CREDITOR_ID + dice.randrange(2**32), f"trader {n}", False, "Town", "Testland", "regular")
        for n in range(dice.randint(5, 12))
    ]
    accounts = [account for n, trader in enumerate(traders) for account in _wallet(dice, trader, n, currencies, scale)]
    return Economy(0, currencies[0].debtor_id, tuple(currencies), tuple(traders), tuple(accounts))


def _wallet(
    dice: random.Random, trader: Trader, number: int, currencies: list[Currency], scale: int
) -> list[TraderAccount]:
    """The trader sells one or two currencies and buys one or two others of about the same value."""
    # Round robin first, so that every currency is sold and bought by somebody.
    start = number % len(currencies)
    order = currencies[start:] + currencies[:start]
    value = scale * dice.uniform(0.5, 2.0)
    sold_count = 2 if len(order) > 3 and dice.random() < 0.3 else 1
    bought_count = 2 if len(order) > 3 and dice.random() < 0.3 else 1
    accounts = []
    for place, currency in enumerate(order):
        lowest, highest = 0, 10**15
        if place < sold_count:
            amount = max(1, round(value / sold_count / currency.price))
            # What is kept covers the lock's reserve for demurrage, as a rule.
            highest = round(amount * dice.choice((0.0, 0.1, 0.5)))
            principal = highest + amount
        elif place < sold_count + bought_count:
            amount = max(1, round(value / bought_count / currency.price * dice.uniform(0.7, 1.3)))
            principal = dice.choice((0, round(amount * 0.2)))
            lowest = principal + amount
        else:
            principal = dice.choice((0, max(1, round(scale * 0.2 / currency.price))))
        accounts.append(
            TraderAccount(
                trader.creditor_id,
                currency.debtor_id,
                principal,
                lowest,
                max(lowest, highest),
                currency.peg_debtor_id,
                currency.peg_rate,
            )
        )
    return accounts

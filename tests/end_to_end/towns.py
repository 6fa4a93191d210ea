"""A small town that trades in a circle."""

from __future__ import annotations

from sandbox.economy.economy import Currency, Economy, Trader, TraderAccount

BASE, SILVER, COPPER = 0x100000001, 0x100000002, -0x100000003
FIRST_TRADER = 0x10100000001


def currency(debtor_id: int, name: str, price: float, peg_debtor_id: int | None = BASE) -> Currency:
    return Currency(
        debtor_id=debtor_id,
        name=name,
        unit=name,
        kind="base" if peg_debtor_id is None else "national",
        place="Testland",
        amount_divisor=1,
        decimal_places=0,
        depth=0 if peg_debtor_id is None else 1,
        price=price,
        peg_debtor_id=peg_debtor_id,
        peg_rate=None if peg_debtor_id is None else price,
    )


def account(trader: int, debtor_id: int, price: float, principal: int, low: int, high: int) -> TraderAccount:
    is_base = debtor_id == BASE
    return TraderAccount(
        creditor_id=FIRST_TRADER + trader,
        debtor_id=debtor_id,
        principal=principal,
        min_principal=low,
        max_principal=high,
        peg_debtor_id=None if is_base else BASE,
        peg_rate=None if is_base else price,
    )


def circle(times: int = 1) -> Economy:
    """Trader 0 -> base -> trader 1 -> silver -> trader 2 -> copper -> trader 0, and two that find nobody.

    `times`: so many circles beside each other, in the same three currencies.

    Every wallet is large enough for what its owner wants to sell, with room for the lock's reserve. The policies have
    a base account for each trader, so that all bids have prices.
    """
    rows = [
        row
        for first in range(0, 5 * times, 5)
        for row in (
            # Sells 6000 base for up to 100,000 copper (price 0.5); gets 12,000.
            account(first, BASE, 1.0, 100_000, 0, 94_000),
            account(first, COPPER, 0.5, 0, 100_000, 200_000),
            # Wants base, has 5000 silver (price 2.0) too many: sells 3000.
            account(first + 1, BASE, 1.0, 0, 50_000, 60_000),
            account(first + 1, SILVER, 2.0, 50_000, 0, 45_000),
            # Wants 4000 silver, has copper.
            account(first + 2, BASE, 1.0, 0, 0, 0),
            account(first + 2, SILVER, 2.0, 0, 4_000, 5_000),
            account(first + 2, COPPER, 0.5, 200_000, 0, 100_000),
            # Only sells.
            account(first + 3, BASE, 1.0, 70_000, 0, 10_000),
            # Sells silver at a rate that nobody declared.
            account(first + 4, BASE, 1.0, 0, 50_000, 60_000),
            account(first + 4, SILVER, 2.5, 80_000, 0, 40_000),
        )
    ]
    names = ("Anna", "Boris", "Clara", "Dora", "Emil")
    return Economy(
        seed=0,
        base_debtor_id=BASE,
        currencies=(
            currency(BASE, "base", 1.0, None),
            currency(SILVER, "silver", 2.0),
            currency(COPPER, "copper", 0.5),
        ),
        traders=tuple(
            Trader(FIRST_TRADER + n, name, is_business=False, city="Town", country="Testland", kind="regular")
            for n, name in enumerate(names * times)
        ),
        accounts=tuple(rows),
    )

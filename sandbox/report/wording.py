"""Amounts and trades in words."""

from __future__ import annotations

from sandbox.economy.economy import Currency, Economy
from sandbox.report.outcome import Flow


def amount(currency: Currency, tokens: int) -> str:
    """Tokens as people see them: `1,200.50 EUR`."""
    if currency.decimal_places <= 0 or currency.amount_divisor == 1:
        return f"{tokens / currency.amount_divisor:,.0f} {currency.unit}"
    return f"{tokens / currency.amount_divisor:,.{currency.decimal_places}f} {currency.unit}"


def amounts(economy: Economy, tokens_by_currency: dict[int, int]) -> str:
    """Several amounts, the most valuable first."""
    currencies = economy.currency_by_id
    ordered = sorted(tokens_by_currency.items(), key=lambda item: (-item[1] * currencies[item[0]].price, item[0]))
    return " + ".join(amount(currencies[debtor_id], tokens) for debtor_id, tokens in ordered)


def base_value(economy: Economy, value: float) -> str:
    """A value in base tokens as an amount of the base currency."""
    return amount(economy.currency_by_id[economy.base_debtor_id], round(value))


def sentence(economy: Economy, flow: Flow) -> str:
    """`Bakery Sofia gave 1,200 bread coins, got 30.50 EUR`."""
    name = economy.trader_by_id[flow.creditor_id].name
    return f"{name} gave {amounts(economy, flow.given)}, got {amounts(economy, flow.received)}"

"""Amounts and rates in words."""

from __future__ import annotations

from sandbox.economy.economy import Currency, Economy


def amount(currency: Currency, tokens: int) -> str:
    """Tokens as people see them: `1,200.50 EUR`."""
    return f"{number(currency, tokens)} {currency.unit}"


def number(currency: Currency, tokens: int) -> str:
    """The amount without its unit."""
    decimals = 0 if currency.amount_divisor == 1 else max(0, currency.decimal_places)
    return f"{tokens / currency.amount_divisor:,.{decimals}f}"


def base_value(economy: Economy, value: float) -> str:
    """A value in base tokens as an amount of the base currency."""
    return amount(economy.currency_by_id[economy.base_debtor_id], round(value))


def rate(economy: Economy, currency: Currency) -> str:
    """What one unit of a currency is worth in the one it is pegged to: `1 Sofia Penny = 0.5 Shopluk Thaler`."""
    if currency.peg_debtor_id is None or currency.peg_rate is None:
        return "all other values come from it"
    peg = economy.currency_by_id[currency.peg_debtor_id]
    return f"1 {currency.unit} = {currency.peg_rate * currency.amount_divisor / peg.amount_divisor:,.6g} {peg.unit}"

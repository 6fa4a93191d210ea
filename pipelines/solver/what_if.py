"""The same market with other parameters: what if?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

from pipelines.solver.market import Market, MarketError, TurnParameters

NAMES = tuple(field.name for field in fields(TurnParameters))


def changed(market: Market, changes: Sequence[str]) -> Market:
    """The market with parameters changed, each given as `name=value`. Raises MarketError for one that makes no sense.

    IDs may be written like in the Web API, unsigned, or in hexadecimal.
    """
    values: dict[str, Any] = {}
    for change in changes:
        name, equals, text = change.partition("=")
        if not equals or name not in NAMES:
            raise MarketError(f"{change!r} changes nothing: write NAME=VALUE, with a NAME of {', '.join(NAMES)}")
        values[name] = _read(name, text)
    return replace(market, parameters=replace(market.parameters, **values)) if values else market


def _read(name: str, text: str) -> str | int:
    if name == "base_debtor_info_locator":
        return text
    try:
        number = int(text, 0)
    except ValueError:
        raise MarketError(f"{name} must be a whole number, not {text!r}") from None
    return number - 2**64 if name == "base_debtor_id" and 2**63 <= number < 2**64 else number

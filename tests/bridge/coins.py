"""The worked example of a currency's document, with changes."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

DOCUMENT: dict[str, Any] = {
    "type": "CoinInfo",
    "revision": 3,
    "willNotChangeUntil": "2026-06-30T00:00:00Z",
    "latestDebtorInfo": {"uri": "https://example.com/монета"},
    "summary": "Test coin",
    "debtorIdentity": {"type": "DebtorIdentity", "uri": "swpt:18446744073709551493"},
    "debtorName": "Test Coin",
    "amountDivisor": 100.0,
    "decimalPlaces": 2,
    "unit": "TST",
    "peg": {
        "type": "Peg",
        "exchangeRate": 0.5,
        "display": {"type": "PegDisplay", "amountDivisor": 100.0, "decimalPlaces": 2, "unit": "USD"},
        "debtorIdentity": {"type": "DebtorIdentity", "uri": "swpt:666"},
        "latestDebtorInfo": {"uri": "https://currencies.swaptacular.org/USD"},
    },
}


def document(path: str = "", value: object = ..., base: dict[str, Any] = DOCUMENT) -> bytes:
    """The worked document with the value at a dotted path replaced, or removed."""
    made = deepcopy(base)
    if path:
        *parents, last = path.split(".")
        place = made
        for name in parents:
            place = place[name]
        if value is ...:
            del place[last]
        else:
            place[last] = value
    return json.dumps(made, ensure_ascii=False).encode("utf-8", "surrogatepass")

"""CoinInfo documents: what a currency says about itself, and which fixed exchange rate it declares."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from sandbox.protocol.identity import u64

COIN_INFO_TYPE = "application/vnd.swaptacular.coin-info+json"


@dataclass(frozen=True, slots=True)
class PegInfo:
    """A declared peg: one token of the document's currency is worth `exchange_rate` tokens of `debtor_id`'s."""

    debtor_id: int
    exchange_rate: float
    locator: str
    amount_divisor: float
    decimal_places: int
    unit: str


@dataclass(frozen=True, slots=True)
class CoinInfo:
    """The content of a document. `amount_divisor` tokens make one `unit`; only people need it, rates do not."""

    debtor_id: int
    debtor_name: str
    unit: str
    revision: int = 1
    summary: str = ""
    amount_divisor: float = 100.0
    decimal_places: int = 2
    will_not_change_until: str | None = None
    peg: PegInfo | None = None


def debtor_uri(debtor_id: int) -> str:
    """The `swpt:` address of a debtor."""
    return f"swpt:{u64(debtor_id)}"


def render_coin_info(info: CoinInfo, locator: str) -> bytes:
    """The document as it is served; `locator` is where its latest revision lives."""
    document: dict[str, object] = {
        "type": "CoinInfo",
        "revision": info.revision,
        "latestDebtorInfo": {"uri": locator},
        "summary": info.summary,
        "debtorIdentity": {"type": "DebtorIdentity", "uri": debtor_uri(info.debtor_id)},
        "debtorName": info.debtor_name,
        "amountDivisor": info.amount_divisor,
        "decimalPlaces": info.decimal_places,
        "unit": info.unit,
    }
    if info.will_not_change_until is not None:
        document["willNotChangeUntil"] = info.will_not_change_until
    if info.peg is not None:
        document["peg"] = {
            "type": "Peg",
            "exchangeRate": info.peg.exchange_rate,
            "display": {
                "type": "PegDisplay",
                "amountDivisor": info.peg.amount_divisor,
                "decimalPlaces": info.peg.decimal_places,
                "unit": info.peg.unit,
            },
            "debtorIdentity": {"type": "DebtorIdentity", "uri": debtor_uri(info.peg.debtor_id)},
            "latestDebtorInfo": {"uri": info.peg.locator},
        }
    return msgspec.json.encode(document)

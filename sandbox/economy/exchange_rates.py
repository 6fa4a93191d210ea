"""Real exchange rates: the reference rates of the European Central Bank that the CurrencyConverter package ships."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from currency_converter import CurrencyConverter

# A past day, so that an economy does not change when the package gets newer rates.
REFERENCE_DAY = date(2024, 6, 28)


def euros_per_unit(codes: Iterable[str], day: date = REFERENCE_DAY) -> dict[str, float]:
    """What one unit of each currency (ISO 4217 code) was worth in euros, to 6 significant digits.

    Needs no network. Raises `currency_converter.RateNotFoundError` or ValueError for what the data set does not know.
    """
    converter = CurrencyConverter()
    return {code: float(f"{converter.convert(1, code, 'EUR', date=day):.6g}") for code in codes}

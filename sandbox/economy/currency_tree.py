"""Invents currencies: a base, national ones at real rates, and regional, city and company money pegged below them."""

from __future__ import annotations

import random
from dataclasses import dataclass

from sandbox.economy.economy import Currency, CurrencyKind
from sandbox.economy.exchange_rates import euros_per_unit
from sandbox.economy.names import (
    CITY_UNITS,
    COMPANY_CURRENCIES,
    COUNTRIES,
    CURRENCY_NAMES,
    REGIONAL_UNITS,
    TRADES_OF_CITIES,
    TRADES_OF_OWNERS,
    Country,
)

FIRST_DEBTOR_ID = 0x100000001
BASE_AMOUNT_DIVISOR = 100
MIN_CURRENCIES = 5

# Tokens of the currency above for one token: most communities keep it simple.
_REGIONAL_RATES = (1.0, 1.0, 1.0, 0.5, 2.0)
_CITY_RATES = (1.0, 1.0, 0.5, 0.25, 0.1)
_COMPANY_RATES = (1.0, 1.0, 0.5, 0.1, 0.05, 1.25)


@dataclass(frozen=True, slots=True)
class Home:
    """A city where traders live, with the currency that is closest to it and the companies' currencies there."""

    city: str
    country: Country
    currency: Currency
    companies: tuple[Currency, ...]


@dataclass(frozen=True, slots=True)
class CurrencyTree:
    """All currencies, the base first and pegs before what is pegged to them, and the places where they are used."""

    currencies: tuple[Currency, ...]
    homes: tuple[Home, ...]


class _Mint:
    """Makes currencies with fresh IDs."""

    def __init__(self) -> None:
        self.currencies: list[Currency] = []

    def add(
        self,
        name: str,
        unit: str,
        kind: CurrencyKind,
        place: str,
        divisor: int,
        peg: Currency | None,
        rate: float | None,
    ) -> Currency:
        number = len(self.currencies)
        # Every seventh ID is in the upper half of the unsigned range, so negative as an int64.
        debtor_id = FIRST_DEBTOR_ID + number if number % 7 != 6 else -FIRST_DEBTOR_ID - number
        currency = Currency(
            debtor_id=debtor_id,
            name=name,
            unit=unit,
            kind=kind,
            place=place,
            amount_divisor=divisor,
            decimal_places=2 if divisor == 100 else 0,
            depth=0 if peg is None else peg.depth + 1,
            price=1.0 if peg is None or rate is None else peg.price * rate,
            peg_debtor_id=None if peg is None else peg.debtor_id,
            peg_rate=rate,
        )
        self.currencies.append(currency)
        return currency


def make_currency_tree(dice: random.Random, count: int) -> CurrencyTree:
    """Invents `count` currencies (at least 5, so that the tree is 4 pegs deep). Raises ValueError for fewer."""
    if count < MIN_CURRENCIES:
        raise ValueError(f"an economy needs at least {MIN_CURRENCIES} currencies")
    mint = _Mint()
    base = mint.add("Euro", "EUR", "base", "Eurozone", BASE_AMOUNT_DIVISOR, None, None)
    countries = COUNTRIES[: max(1, min(len(COUNTRIES), round(count / 5)))]
    euros = euros_per_unit(country.code for country in countries)
    nationals = {
        country.code: mint.add(
            CURRENCY_NAMES[country.code],
            country.code,
            "national",
            country.name,
            country.amount_divisor,
            base,
            euros[country.code] * BASE_AMOUNT_DIVISOR / country.amount_divisor,
        )
        for country in countries
    }
    left = count - len(mint.currencies)
    regions = _regional_currencies(dice, mint, countries, nationals, max(1, left // 3))
    left = count - len(mint.currencies)
    cities = _city_currencies(dice, mint, countries, regions, max(1, left // 2))
    local = {**{place: regions[region] for region, place in _cities_of(countries, regions)}, **cities}
    companies: dict[str, list[Currency]] = {}
    _company_currencies(dice, mint, cities, companies, count - len(mint.currencies))
    homes = [
        Home(city, country, local.get(city, nationals[country.code]), tuple(companies.get(city, ())))
        for country in countries
        for _, names in country.regions
        for city in names
    ]
    return CurrencyTree(tuple(mint.currencies), tuple(homes))


def _regional_currencies(
    dice: random.Random, mint: _Mint, countries: tuple[Country, ...], nationals: dict[str, Currency], count: int
) -> dict[str, Currency]:
    # First one region of each country, then the second ones.
    places = [(country, country.regions[i][0]) for i in range(3) for country in countries][:count]
    return {
        region: mint.add(
            f"{region} {unit}",
            f"{region} {unit}",
            "regional",
            region,
            nationals[country.code].amount_divisor,
            nationals[country.code],
            dice.choice(_REGIONAL_RATES),
        )
        for number, (country, region) in enumerate(places)
        for unit in (REGIONAL_UNITS[number % len(REGIONAL_UNITS)],)
    }


def _cities_of(countries: tuple[Country, ...], regions: dict[str, Currency]) -> list[tuple[str, str]]:
    return [
        (region, city)
        for i in range(3)
        for country in countries
        for region, cities in country.regions
        if region in regions
        for city in cities[i : i + 1]
    ]


def _city_currencies(
    dice: random.Random, mint: _Mint, countries: tuple[Country, ...], regions: dict[str, Currency], count: int
) -> dict[str, Currency]:
    places = _cities_of(countries, regions)[:count]
    return {
        city: mint.add(
            f"{city} {unit}",
            f"{city} {unit}",
            "city",
            city,
            regions[region].amount_divisor,
            regions[region],
            dice.choice(_CITY_RATES),
        )
        for number, (region, city) in enumerate(places)
        for unit in (CITY_UNITS[number % len(CITY_UNITS)],)
    }


def _company_currencies(
    dice: random.Random, mint: _Mint, cities: dict[str, Currency], companies: dict[str, list[Currency]], count: int
) -> None:
    places = list(cities)
    trades = TRADES_OF_CITIES + TRADES_OF_OWNERS
    for number in range(count):
        city = places[number % len(places)]
        series, trade = divmod(number // len(places) * 7 + number, len(trades))
        unit = COMPANY_CURRENCIES[number % len(COMPANY_CURRENCIES)]
        name = f"{city} {trades[trade]} {unit}" + (f" {series + 1}" if series else "")
        peg = cities[city]
        currency = mint.add(name, name, "company", city, peg.amount_divisor, peg, dice.choice(_COMPANY_RATES))
        companies.setdefault(city, []).append(currency)

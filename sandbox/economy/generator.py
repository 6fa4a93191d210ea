"""Makes an economy from a seed: who lives where, has what, and wants to exchange it for what."""

from __future__ import annotations

import random
from dataclasses import replace

from sandbox.economy.currency_tree import CurrencyTree, Home, make_currency_tree
from sandbox.economy.economy import Currency, Economy, Trader, TraderAccount, TraderKind
from sandbox.economy.names import TRADES_OF_CITIES, TRADES_OF_OWNERS

# In the agent's block 0x000001, away from the collectors at its beginning.
FIRST_CREDITOR_ID = 0x0000010100000000

_KINDS: tuple[TraderKind, ...] = ("regular", "one_sided", "wrong_rate", "without_counterpart")
_KIND_WEIGHTS = (86, 6, 5, 3)
_BUSINESS_SHARE = 0.45
_FOREIGN_WEIGHTS = {"base": 0.0, "national": 3.0, "regional": 2.0, "city": 1.5, "company": 1.0}

# Value of what a person wants to exchange, in base tokens (euro cents): at least, at most, and the tail between.
_MIN_VALUE = 20_000
_MAX_VALUE = 200_000_000
_TAIL = 1.15
_BUSINESS_FACTOR = 5


def make_economy(seed: int = 1, traders: int = 300, currencies: int = 30) -> Economy:
    """Invents an economy; the same arguments give the same one. Raises ValueError for fewer than 5 currencies."""
    dice = random.Random(seed)
    tree = make_currency_tree(dice, currencies)
    people = _Population(dice, tree)
    made = [people.add(number) for number in range(traders)]
    return Economy(
        seed=seed,
        base_debtor_id=tree.currencies[0].debtor_id,
        currencies=tree.currencies,
        traders=tuple(trader for trader, _ in made),
        accounts=tuple(account for _, accounts in made for account in accounts),
    )


class _Population:
    """Makes traders one by one."""

    def __init__(self, dice: random.Random, tree: CurrencyTree) -> None:
        self._dice = dice
        self._base = tree.currencies[0]
        self._by_id = {currency.debtor_id: currency for currency in tree.currencies}
        self._homes = tree.homes
        self._home_weights = [_home_weight(home, rank) for rank, home in enumerate(tree.homes)]
        companies = [currency for currency in tree.currencies if currency.kind == "company"]
        # Nobody wants the youngest company's money; with a single company that would leave too little to trade.
        self._unwanted = companies[-1] if len(companies) > 1 else None
        self._foreign = [currency for currency in tree.currencies if currency is not self._unwanted]
        self._foreign_weights = [_FOREIGN_WEIGHTS[currency.kind] for currency in self._foreign]
        self._names: set[str] = set()

    def add(self, number: int) -> tuple[Trader, list[TraderAccount]]:
        dice = self._dice
        home = dice.choices(self._homes, self._home_weights)[0]
        kind = dice.choices(_KINDS, _KIND_WEIGHTS)[0]
        if kind == "without_counterpart" and self._unwanted is None:
            kind = "one_sided"
        is_business = dice.random() < _BUSINESS_SHARE
        creditor_id = FIRST_CREDITOR_ID + number + 1
        trader = Trader(creditor_id, self._name(home, is_business), is_business, home.city, home.country.name, kind)
        return trader, self._wallet(trader, home)

    def _wallet(self, trader: Trader, home: Home) -> list[TraderAccount]:
        dice = self._dice
        held = self._currencies_held(home, trader.kind)
        sold, bought = self._wishes(list(held.values()), trader.kind)
        value = min(
            _MIN_VALUE * dice.paretovariate(_TAIL) * (_BUSINESS_FACTOR if trader.is_business else 1), _MAX_VALUE
        )
        amounts = self._split(sold, -value) | self._split(bought, value * dice.uniform(0.75, 1.25))
        if trader.kind == "one_sided":
            kept = dice.choice((sold, bought))
            amounts = {currency.debtor_id: amounts[currency.debtor_id] for currency in kept}
        accounts = [
            self._account(trader, currency, amounts.get(currency.debtor_id, 0), held) for currency in held.values()
        ]
        if trader.kind == "wrong_rate":
            wrong = sold[0].debtor_id
            accounts = [
                self._with_wrong_rate(account) if account.debtor_id == wrong else account for account in accounts
            ]
        return accounts

    def _currencies_held(self, home: Home, kind: TraderKind) -> dict[int, Currency]:
        """The trader's currencies: those of his community up to the base, and some of elsewhere."""
        dice = self._dice
        held: dict[int, Currency] = {}
        companies = [currency for currency in home.companies if currency is not self._unwanted]
        for currency in (home.currency, *dice.sample(companies, dice.randint(0, len(companies)))):
            self._hold_with_pegs(held, currency)
        wanted_count = dice.randint(5, 9)
        for currency in dice.choices(self._foreign, self._foreign_weights, k=12):
            if len(held) >= min(wanted_count, len(self._foreign)):
                break
            if dice.random() < 0.5:
                self._hold_with_pegs(held, currency)
            else:
                held[currency.debtor_id] = currency
        if kind == "without_counterpart" and self._unwanted is not None:
            self._hold_with_pegs(held, self._unwanted)
        return held

    def _hold_with_pegs(self, held: dict[int, Currency], currency: Currency) -> None:
        peg: Currency | None = currency
        while peg is not None:
            held[peg.debtor_id] = peg
            peg = None if peg.peg_debtor_id is None else self._by_id[peg.peg_debtor_id]

    def _wishes(self, held: list[Currency], kind: TraderKind) -> tuple[list[Currency], list[Currency]]:
        """Which currencies the trader sells, and which he buys."""
        dice = self._dice
        if kind == "without_counterpart" and self._unwanted is not None:
            others = [currency for currency in held if currency is not self._unwanted]
            return [self._unwanted], dice.sample(others, 1)
        shuffled = dice.sample(held, len(held))
        if kind == "wrong_rate":
            # What he sells must have a peg that can be wrong.
            pegged = next(currency for currency in shuffled if currency is not self._base)
            return [pegged], [currency for currency in shuffled if currency is not pegged][: dice.randint(1, 3)]
        sold_count = min(dice.randint(1, 3), len(held) // 2)
        bought_count = min(dice.randint(1, 3), len(held) - sold_count)
        return shuffled[:sold_count], shuffled[sold_count : sold_count + bought_count]

    def _split(self, currencies: list[Currency], value: float) -> dict[int, int]:
        """Tokens per debtor, together worth `value` base tokens; at least one token each."""
        shares = [self._dice.uniform(0.3, 1.0) for _ in currencies]
        sign = 1 if value > 0 else -1
        return {
            currency.debtor_id: sign * max(1, round(abs(value) * share / sum(shares) / currency.price))
            for currency, share in zip(currencies, shares, strict=True)
        }

    def _account(self, trader: Trader, currency: Currency, amount: int, held: dict[int, Currency]) -> TraderAccount:
        """An account from which `amount` tokens have to go (negative) or where they are wanted (positive)."""
        dice = self._dice
        if amount < 0:
            highest = round(-amount * dice.uniform(0.0, 0.5))
            principal, lowest = highest - amount, round(highest * dice.uniform(0.0, 0.6))
        elif amount > 0:
            principal = 0 if dice.random() < 0.4 else round(amount * dice.uniform(0.0, 0.5))
            lowest = principal + amount
            highest = lowest + round(amount * dice.uniform(0.0, 1.0))
        else:
            value = 0.0 if dice.random() < 0.3 else _MIN_VALUE / 4 * dice.paretovariate(_TAIL)
            principal = round(min(value, _MAX_VALUE) / currency.price)
            lowest, highest = 0, 2 * principal + round(_MIN_VALUE / currency.price)
        peg_debtor_id, peg_rate = self._peg(currency, held)
        return TraderAccount(
            trader.creditor_id, currency.debtor_id, principal, lowest, highest, peg_debtor_id, peg_rate
        )

    def _peg(self, currency: Currency, held: dict[int, Currency]) -> tuple[int | None, float | None]:
        """The approved peg: the declared one when the trader has that currency, too, else the base at the price."""
        if currency.peg_debtor_id is None:
            return None, None
        if currency.peg_debtor_id in held and self._dice.random() < 0.9:
            return currency.peg_debtor_id, currency.peg_rate
        return self._base.debtor_id, currency.price

    def _with_wrong_rate(self, account: TraderAccount) -> TraderAccount:
        factor = 1.0 + self._dice.choice((-1.0, 1.0)) * self._dice.uniform(0.0005, 0.03)
        return replace(account, peg_rate=(account.peg_rate or 1.0) * factor)

    def _name(self, home: Home, is_business: bool) -> str:
        """A name nobody else has; the second family of a name gets a number."""
        dice = self._dice
        for _ in range(8):
            which = dice.randrange(len(home.country.first_names))
            his, _, hers = dice.choice(home.country.surnames).partition("/")
            surname = his if which % 2 or not hers else hers
            if not is_business:
                name = f"{home.country.first_names[which]} {surname}"
            elif dice.random() < 0.5:
                name = f"{surname} {dice.choice(TRADES_OF_OWNERS)}"
            else:
                name = f"{dice.choice(TRADES_OF_CITIES)} {home.city}"
            if name not in self._names:
                break
        else:
            name = f"{name} {len(self._names) + 1}"
        self._names.add(name)
        return name


def _home_weight(home: Home, rank: int) -> float:
    """Most traders live where community money is used, and in the bigger cities."""
    return (1 + home.currency.depth + 2 * len(home.companies)) / (1 + rank % 9)

"""Life goes on between turns: people spend what they have, others earn it, and so everybody wants to trade again."""

from __future__ import annotations

import random
from collections import defaultdict

from sandbox.authority import Authority
from sandbox.authority.core import PaymentError
from sandbox.economy.economy import Economy, TraderAccount

# Value of a purchase in base tokens (euro cents): at least, and the tail of the dearer ones.
_LEAST_VALUE = 20_000
_TAIL = 1.2


class Life:
    """Payments between the traders of an economy, in the currencies that both have. The same seed gives the same ones.

    Who earns gets above the amount he wants to have at most, who spends below the least one: those are the next offers.
    """

    def __init__(self, economy: Economy, authority: Authority, seed: int) -> None:
        self._authority = authority
        self._dice = random.Random(seed)
        self._price = {currency.debtor_id: currency.price for currency in economy.currencies}
        self._accounts = economy.accounts
        self._by_currency: dict[int, list[TraderAccount]] = defaultdict(list)
        for account in economy.accounts:
            self._by_currency[account.debtor_id].append(account)

    def go_on(self, purchases: int) -> int:
        """Up to so many purchases. Returns how many were paid: the others found nobody, or had not the money."""
        return sum(self._buy() for _ in range(purchases))

    def _buy(self) -> bool:
        payer = self._dice.choice(self._accounts)
        payee = self._dice.choice(self._by_currency[payer.debtor_id])
        value = _LEAST_VALUE * self._dice.paretovariate(_TAIL)
        account = self._authority.account(payer.debtor_id, payer.creditor_id)
        if account is None or payee.creditor_id == payer.creditor_id:
            return False
        amount = min(account.principal // 2, round(value / self._price[payer.debtor_id]))
        if amount < 1:
            return False
        try:
            self._authority.pay(payer.debtor_id, payer.creditor_id, payee.creditor_id, amount)
        except PaymentError:
            # Some of the money is locked for a trade.
            return False
        return True

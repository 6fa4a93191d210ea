"""What a turn did to everybody's wallets, and whether it did so honestly."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction

from sandbox.authority import Totals
from sandbox.economy.economy import Economy
from sandbox.world.shard import Leftovers
from sandbox.world.world import Settlement

AccountKey = tuple[int, int]
"""(creditor_id, debtor_id)"""

ROUNDING_TOKENS = 2
"""Tokens per traded account that rounding may cost its owner: one in the settlement, one in the payment."""


@dataclass(frozen=True, slots=True)
class Flow:
    """What one trader gave and got: tokens by currency (debtor_id), and the base value given."""

    creditor_id: int
    given: dict[int, int]
    received: dict[int, int]
    value: float


@dataclass(frozen=True, slots=True)
class Conservation:
    """One currency's money before and after: tokens in circulation, and what the collectors kept."""

    debtor_id: int
    before: Totals
    after: Totals
    with_collectors: int

    @property
    def is_conserved(self) -> bool:
        return self.before.circulating == self.after.circulating and self.after.in_flight == self.after.locked == 0


@dataclass(frozen=True, slots=True)
class Loss:
    """A trader's loss of base value, and how much of it rounding and the collectors' cut explain."""

    creditor_id: int
    lost: float
    explained: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """The judgement on a finished turn."""

    reached_phase_4: bool
    flows: list[Flow]
    conservation: list[Conservation]
    losses: list[Loss]
    leftovers: Leftovers

    @property
    def is_conserved(self) -> bool:
        return all(currency.is_conserved for currency in self.conservation)

    @property
    def unexplained_losses(self) -> list[Loss]:
        return [loss for loss in self.losses if loss.lost > loss.explained]

    def problems(self) -> list[str]:
        """What is wrong, in words; empty when all is well."""
        found = []
        if not self.reached_phase_4:
            found.append("the turn did not reach phase 4")
        if not self.flows:
            found.append("nothing was traded")
        found += [f"currency {c.debtor_id}: money was lost or created" for c in self.conservation if not c.is_conserved]
        found += [
            f"trader {loss.creditor_id} lost {loss.lost:.2f} base tokens, rounding explains {loss.explained:.2f}"
            for loss in self.unexplained_losses
        ]
        return found + self.leftovers.problems()


def judge(
    economy: Economy,
    before: Settlement,
    after: Settlement,
    *,
    amount_cut: float,
    collectors: range,
    reached_phase_4: bool,
    leftovers: Leftovers,
) -> Outcome:
    """Compares everybody's wallets before and after a turn.

    A trader may lose up to price x (2 tokens + 2 x cut x amount) per traded account; currencies of the sandbox bear no
    demurrage.
    """
    changes: dict[int, dict[int, int]] = defaultdict(dict)
    for key in before.principals.keys() | after.principals.keys():
        creditor_id, debtor_id = key
        change = after.principals.get(key, 0) - before.principals.get(key, 0)
        if change and creditor_id in economy.trader_by_id:
            changes[creditor_id][debtor_id] = change
    prices = {currency.debtor_id: currency.price for currency in economy.currencies}
    flows = [_flow(creditor_id, change, prices) for creditor_id, change in changes.items()]
    with_collectors: dict[int, int] = defaultdict(int)
    for (creditor_id, debtor_id), principal in after.principals.items():
        if creditor_id in collectors:
            with_collectors[debtor_id] += principal
    return Outcome(
        reached_phase_4=reached_phase_4,
        flows=sorted(flows, key=lambda flow: (-flow.value, flow.creditor_id)),
        conservation=[
            Conservation(debtor_id, before.totals[debtor_id], after.totals[debtor_id], with_collectors[debtor_id])
            for debtor_id in (currency.debtor_id for currency in economy.currencies)
        ],
        losses=[_loss(creditor_id, change, prices, amount_cut) for creditor_id, change in sorted(changes.items())],
        leftovers=leftovers,
    )


def _flow(creditor_id: int, change: dict[int, int], prices: dict[int, float]) -> Flow:
    given = {debtor_id: -tokens for debtor_id, tokens in change.items() if tokens < 0}
    received = {debtor_id: tokens for debtor_id, tokens in change.items() if tokens > 0}
    return Flow(creditor_id, given, received, sum(tokens * prices[debtor_id] for debtor_id, tokens in given.items()))


def _loss(creditor_id: int, change: dict[int, int], prices: dict[int, float], amount_cut: float) -> Loss:
    # Exact, so that the sum of large values does not hide or make up a loss.
    value = sum((Fraction(prices[debtor_id]) * tokens for debtor_id, tokens in change.items()), Fraction())
    explained = sum(
        (Fraction(prices[d]) * (ROUNDING_TOKENS + 2 * Fraction(amount_cut) * abs(t)) for d, t in change.items()),
        Fraction(),
    )
    return Loss(creditor_id, float(-value), float(explained))

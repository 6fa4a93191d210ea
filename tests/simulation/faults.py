"""What goes wrong in a run: chosen by the seed, so that some runs are calm, some suffer one kind, some suffer all."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

from sandbox.authority.faults import Faults, Terms
from sandbox.authority.gateway import Gateway
from sandbox.authority.state import Account, AccountKey, PreparedTransfer
from sandbox.protocol.smp import ConfigureAccount, FinalizeTransfer, PrepareTransfer
from sandbox.world.transit import TransitRule

# What the protocol lets be lost (F4): reminders and time-outs make up for it, or nobody loses anything.
LOSSY_TYPES = frozenset({
    "PrepareTransfer", "RejectedTransfer", "PreparedTransfer", "FinalizedTransfer",
    "AccountUpdate", "UpdatedLedger", "UpdatedPolicy", "UpdatedFlags",
})  # fmt: skip

# F5: every code a real authority has, one of tomorrow's, and one that no repetition heals.
PREPARE_CODES = (
    "TIMEOUT", "RECIPIENT_IS_UNREACHABLE", "INSUFFICIENT_AVAILABLE_AMOUNT", "SENDER_IS_UNREACHABLE",
    "TOO_MANY_TRANSFERS", "FOO",
)  # fmt: skip
# Whoever hears of a newer interest rate waits for it. When there is none, he waits for ever.
FATAL_CODES = ("TRANSFER_NOTE_IS_TOO_LONG", "RECIPIENT_SAME_AS_SENDER", "NEWER_INTEREST_RATE")
CONFIG_CODES = ("INVALID_CONFIGURATION", "NO_CONNECTION_TO_DEBTOR", "TOO_MANY_ACCOUNTS")  # F7
INTEREST_RATES = (-50.0, -20.0, -3.0, 0.0, 5.0, 100.0)
"""F8: percent a year; the lowest is the worst that authorities may ever set."""
POOR_TERMS: tuple[Callable[[Terms], Terms], ...] = (
    lambda proper: replace(proper, demurrage_rate=-60.0),
    lambda proper: replace(proper, commit_period=timedelta(days=20)),
    lambda proper: replace(proper, transfer_note_max_bytes=70),
)
"""F14"""
COMMIT_CODES = ("TIMEOUT", "NEWER_INTEREST_RATE", "INSUFFICIENT_AVAILABLE_AMOUNT", "FOO")  # F6


@dataclass(frozen=True, slots=True)
class Plan:
    """Probabilities of faults; all zero: a calm run. Names after the faults F1 to F18 of the authority."""

    delay: float = 0.0
    delay_by: timedelta = timedelta()
    duplicate: float = 0.0
    reorder_window: timedelta = timedelta()
    lose: float = 0.0
    reject_prepare: float = 0.0
    reject_fatally: float = 0.0
    fail_commit: float = 0.0
    refuse_sale: float = 0.0
    unreachable: float = 0.0
    hold_finalize: float = 0.0
    prepare_twice: float = 0.0
    remind: float = 0.0
    spend: float = 0.0
    crash: float = 0.0
    pause: float = 0.0
    unconfirmed: float = 0.0
    documents: float = 0.0
    reject_config: float = 0.0
    interest: float = 0.0
    change_rate: float = 0.0
    change_in_haste: float = 0.0
    vanish: float = 0.0
    poor_terms: float = 0.0
    hide_identity: float = 0.0
    garbage: float = 0.0
    forge: float = 0.0
    lose_finalize: float = 0.0
    foreign_lock: float = 0.0
    skew: float = 0.0
    set_clock: float = 0.0
    lose_collectors: float = 0.0
    lose_catalogue: float = 0.0
    start_wrongly: float = 0.0
    step_back: float = 0.0

    @property
    def is_kind(self) -> bool:
        """Does everything have to be paid in the end for which the money came in?"""
        return not any(getattr(self, name) for name in _UNKIND)

    @property
    def bears_interest(self) -> bool:
        """May accounts have interest rates other than zero?"""
        return bool(self.interest or self.change_rate)

    def rules(self) -> list[TransitRule]:
        """The same as rules of the network."""
        common = {
            "duplicate": self.duplicate,
            "copy_delay": self.delay_by,
            "delay": self.delay,
            "delay_by": self.delay_by,
            "reorder_window": self.reorder_window,
        }
        return [TransitRule(LOSSY_TYPES, lose=self.lose, **common), TransitRule(**common)]  # type: ignore[arg-type]


_KINDS: dict[str, tuple[float, float]] = {
    "delay": (0.01, 0.08),
    "duplicate": (0.02, 0.3),
    "lose": (0.005, 0.05),
    "reject_prepare": (0.02, 0.3),
    "reject_fatally": (0.005, 0.03),
    "fail_commit": (0.02, 0.2),
    "refuse_sale": (0.1, 0.4),
    "unreachable": (0.02, 0.2),
    "hold_finalize": (0.01, 0.1),
    "prepare_twice": (0.02, 0.3),
    "remind": (0.01, 0.05),
    "spend": (0.005, 0.03),
    "crash": (0.01, 0.15),
    "pause": (0.0003, 0.003),
    "unconfirmed": (0.005, 0.05),
    "documents": (0.05, 0.4),
    "reject_config": (0.1, 0.9),
    "interest": (0.3, 1.0),
    "change_rate": (0.003, 0.02),
    "change_in_haste": (0.1, 1.0),
    "vanish": (0.0005, 0.005),
    "poor_terms": (0.05, 0.5),
    "hide_identity": (0.1, 0.9),
    "garbage": (0.01, 0.1),
    "forge": (0.002, 0.02),
    "lose_finalize": (0.02, 0.2),
    "foreign_lock": (0.001, 0.01),
    "skew": (0.3, 0.8),
    "set_clock": (0.0003, 0.003),
    "lose_collectors": (0.001, 0.01),
    "lose_catalogue": (0.001, 0.01),
    "start_wrongly": (0.002, 0.02),
}

_STEP_BACK = (0.0005, 0.004)
"""How often the solver's database is copied, or becomes the copy."""

_UNKIND = ("lose", "fail_commit", "reject_fatally", "spend", "hold_finalize", "step_back")

_OFTEN = ("refuse_sale",)
"""In most runs: collectors have to pay less than was arranged, in proportion, and rarely is as much looked at."""

_HINDRANCES = ("reject_config", "poor_terms", "hide_identity", "foreign_lock")
"""Whoever has these hardly trades."""


def make_plan(dice: random.Random) -> Plan:
    """A calm run once in ten; else each kind of fault with the same share, from rare to plenty.

    Half of the runs have no fault that may end a collector's payment for good, so that all of them have to be made.
    """
    share = dice.choices((0.0, 0.3, 0.6, 1.0), (1, 4, 3, 2))[0]
    kinds = {name: limits for name, limits in _KINDS.items() if name not in _UNKIND} if dice.random() < 0.5 else _KINDS
    chosen = {name: dice.uniform(*limits) for name, limits in kinds.items() if dice.random() < _likelihood(name, share)}
    plan = Plan(
        **chosen,
        delay_by=timedelta(seconds=dice.choice((60, 3600, 86400, 3 * 86400))),
        reorder_window=timedelta(seconds=dice.choice((0, 5, 60))) if share else timedelta(),
    )
    # In some runs only: results are lost, and then nothing is known of what should have been paid.
    aside = random.Random(plan.delay_by.total_seconds() + sum(chosen.values()))
    return replace(plan, step_back=aside.uniform(*_STEP_BACK)) if share and aside.random() < 0.25 else plan


def _likelihood(name: str, share: float) -> float:
    if name in _OFTEN:
        return max(share, 0.85) if share else 0.0
    return share / 2 if name in _HINDRANCES else share


@dataclass
class RandomFaults(Faults):
    """The authority's share of the plan, as long as it is `active`."""

    plan: Plan
    dice: random.Random
    counts: Counter[str] = field(default_factory=Counter)
    active: bool = False
    _terms: dict[AccountKey, Terms] = field(default_factory=dict)
    _hidden: set[AccountKey] = field(default_factory=set)

    def _strikes(self, name: str, probability: float) -> bool:
        if not self.active or self.dice.random() >= probability:
            return False
        self.counts[name] += 1
        return True

    def reject_prepare(self, request: PrepareTransfer) -> str | None:
        if self._strikes("F5 rejected", self.plan.reject_prepare):
            return self.dice.choice(PREPARE_CODES)
        if self._strikes("F5 rejected for good", self.plan.reject_fatally):
            return self.dice.choice(FATAL_CODES)
        return None

    def fail_commit(self, request: FinalizeTransfer, transfer: PreparedTransfer) -> str | None:
        if not _is_collector(request.creditor_id) and self._strikes("F6 sale refused", self.plan.refuse_sale):
            return self.dice.choice(COMMIT_CODES)
        return self.dice.choice(COMMIT_CODES) if self._strikes("F6 commit failed", self.plan.fail_commit) else None

    def is_unreachable(self, debtor_id: int, recipient: str) -> bool:
        return self._strikes("F9 unreachable", self.plan.unreachable)

    def loses_finalize(self, request: FinalizeTransfer) -> bool:
        return self._strikes("F4 finalization lost", self.plan.lose_finalize)

    def hold_finalize(self, request: FinalizeTransfer) -> timedelta | None:
        if not self._strikes("F12 late commit", self.plan.hold_finalize):
            return None
        return self.dice.random() * self.dice.choice((timedelta(hours=1), timedelta(days=3), timedelta(days=40)))

    def prepares_twice(self, request: PrepareTransfer) -> bool:
        return self._strikes("F13 prepared twice", self.plan.prepare_twice)

    def reject_config(self, request: ConfigureAccount) -> str | None:
        if not _is_collector(request.creditor_id) or not self._strikes("F7 rejected", self.plan.reject_config):
            return None
        return self.dice.choice(CONFIG_CODES)

    def breaks_rate_spacing(self, account: Account) -> bool:
        return self._strikes("F8 changed in haste", self.plan.change_in_haste)

    def terms(self, account: Account, proper: Terms) -> Terms:
        if not self.active:
            self._terms.clear()
        elif account.key not in self._terms:
            is_poor = self._strikes("F14 poor terms", self.plan.poor_terms)
            self._terms[account.key] = self.dice.choice(POOR_TERMS)(proper) if is_poor else proper
        return self._terms.get(account.key, proper)

    def hides_identity(self, account: Account) -> bool:
        if account.key in self._hidden:
            # It was asked for before: now or later it becomes known.
            if not self.active or self.dice.random() < 0.5:
                self._hidden.discard(account.key)
        elif _is_collector(account.creditor_id) and self._strikes("F14 no ID at first", self.plan.hide_identity):
            self._hidden.add(account.key)
        return account.key in self._hidden


def _is_collector(creditor_id: int) -> bool:
    return Gateway().is_collector(creditor_id)

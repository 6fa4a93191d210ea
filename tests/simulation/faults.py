"""What goes wrong in a run: chosen by the seed, so that some runs are calm, some suffer one kind, some suffer all."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

from sandbox.authority.faults import Faults
from sandbox.authority.state import PreparedTransfer
from sandbox.smp import FinalizeTransfer, PrepareTransfer
from sandbox.transit import TransitRule

# What the protocol lets be lost (F4): reminders and time-outs make up for it, or nobody loses anything.
LOSSY_TYPES = frozenset({
    "PrepareTransfer", "RejectedTransfer", "PreparedTransfer", "FinalizedTransfer",
    "UpdatedLedger", "UpdatedPolicy", "UpdatedFlags",
})  # fmt: skip

# F5: every code a real authority has, one of tomorrow's, and one that no repetition heals.
PREPARE_CODES = (
    "TIMEOUT", "NEWER_INTEREST_RATE", "RECIPIENT_IS_UNREACHABLE", "INSUFFICIENT_AVAILABLE_AMOUNT",
    "SENDER_IS_UNREACHABLE", "TOO_MANY_TRANSFERS", "FOO",
)  # fmt: skip
FATAL_CODES = ("TRANSFER_NOTE_IS_TOO_LONG", "RECIPIENT_SAME_AS_SENDER")
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
    unreachable: float = 0.0
    hold_finalize: float = 0.0
    prepare_twice: float = 0.0
    remind: float = 0.0
    spend: float = 0.0
    crash: float = 0.0
    pause: float = 0.0
    unconfirmed: float = 0.0
    documents: float = 0.0

    @property
    def is_kind(self) -> bool:
        """Does every promised payment have to be made in the end?"""
        return not any(getattr(self, name) for name in _UNKIND)

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
    "unreachable": (0.02, 0.2),
    "hold_finalize": (0.01, 0.1),
    "prepare_twice": (0.02, 0.3),
    "remind": (0.01, 0.05),
    "spend": (0.005, 0.03),
    "crash": (0.01, 0.15),
    "pause": (0.0003, 0.003),
    "unconfirmed": (0.005, 0.05),
    "documents": (0.05, 0.4),
}

_UNKIND = ("lose", "fail_commit", "reject_fatally", "spend", "hold_finalize")


def make_plan(dice: random.Random) -> Plan:
    """A calm run once in ten; else each kind of fault with the same share, from rare to plenty.

    Half of the runs have no fault that may end a payment for good, so that all payments have to be made.
    """
    share = dice.choices((0.0, 0.3, 0.6, 1.0), (1, 4, 3, 2))[0]
    kinds = {name: limits for name, limits in _KINDS.items() if name not in _UNKIND} if dice.random() < 0.5 else _KINDS
    chosen = {name: dice.uniform(*limits) for name, limits in kinds.items() if dice.random() < share}
    return Plan(
        **chosen,
        delay_by=timedelta(seconds=dice.choice((60, 3600, 86400, 3 * 86400))),
        reorder_window=timedelta(seconds=dice.choice((0, 5, 60))) if share else timedelta(),
    )


@dataclass
class RandomFaults(Faults):
    """The authority's share of the plan, as long as it is `active`."""

    plan: Plan
    dice: random.Random
    counts: Counter[str] = field(default_factory=Counter)
    active: bool = False

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
        return self.dice.choice(COMMIT_CODES) if self._strikes("F6 commit failed", self.plan.fail_commit) else None

    def is_unreachable(self, debtor_id: int, recipient: str) -> bool:
        return self._strikes("F9 unreachable", self.plan.unreachable)

    def hold_finalize(self, request: FinalizeTransfer) -> timedelta | None:
        if not self._strikes("F12 late commit", self.plan.hold_finalize):
            return None
        return self.dice.random() * self.dice.choice((timedelta(hours=1), timedelta(days=3), timedelta(days=40)))

    def prepares_twice(self, request: PrepareTransfer) -> bool:
        return self._strikes("F13 prepared twice", self.plan.prepare_twice)

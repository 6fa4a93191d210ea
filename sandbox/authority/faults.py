"""Explicit wrong or unlucky decisions of the authority. Faults change answers and terms, never balances."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from sandbox.authority.state import Account, PreparedTransfer
from sandbox.protocol.smp import ConfigureAccount, FinalizeTransfer, Message, PrepareTransfer


@dataclass(frozen=True, slots=True)
class Terms:
    """What an authority promises about an account: percent per year, the time for a commit, bytes of a note."""

    demurrage_rate: float
    commit_period: timedelta
    transfer_note_max_bytes: int


class Faults:
    """The places where a fault may decide. This class decides everything properly; a scenario overrides methods.

    Refusals of transfers concern agent transfers only, so issuing always works.
    """

    def reject_prepare(self, request: PrepareTransfer) -> str | None:
        """Status code for a RejectedTransfer in place of the checks (F5)."""
        return None

    def fail_commit(self, request: FinalizeTransfer, transfer: PreparedTransfer) -> str | None:
        """Status code for a FinalizedTransfer with nothing transferred (F6). Dismissals cannot fail."""
        return None

    def reject_config(self, request: ConfigureAccount) -> str | None:
        """Code for a RejectedConfig in place of a changed account (F7)."""
        return None

    def is_unreachable(self, debtor_id: int, recipient: str) -> bool:
        """Whether an existing recipient cannot be reached (F9)."""
        return False

    def loses_finalize(self, request: FinalizeTransfer) -> bool:
        """Whether a FinalizeTransfer never arrives (F4). A reminder makes its sender repeat it."""
        return False

    def hold_finalize(self, request: FinalizeTransfer) -> timedelta | None:
        """How long a FinalizeTransfer lies around before it is processed (F12)."""
        return None

    def prepares_twice(self, request: PrepareTransfer) -> bool:
        """Whether one PrepareTransfer is processed as two (F13)."""
        return False

    def terms(self, account: Account, proper: Terms) -> Terms:
        """Poor terms for an account (F14)."""
        return proper

    def hides_identity(self, account: Account) -> bool:
        """Whether the account's ID is still unknown, so that AccountUpdates carry an empty one (F14)."""
        return False

    def breaks_rate_spacing(self, account: Account) -> bool:
        """Whether the interest rate may change again too early (F8)."""
        return False


@dataclass(slots=True)
class Rule:
    """One answer for some messages: those that match, the first `times` of them, each with a probability."""

    code: str
    times: int | None = None
    probability: float = 1.0
    matches: Callable[[Message], bool] = lambda message: True

    def applies(self, message: Message, dice: random.Random) -> bool:
        """Whether the rule strikes now; counts down `times` when it does."""
        if self.times == 0 or not self.matches(message) or dice.random() >= self.probability:
            return False
        if self.times is not None:
            self.times -= 1
        return True


@dataclass
class ScriptedFaults(Faults):
    """Faults given as lists of rules; the first rule that applies decides. Repeatable for one `seed`."""

    seed: int = 0
    prepare_rules: list[Rule] = field(default_factory=list)
    commit_rules: list[Rule] = field(default_factory=list)
    config_rules: list[Rule] = field(default_factory=list)
    duplicate_rules: list[Rule] = field(default_factory=list)
    lost_rules: list[Rule] = field(default_factory=list)
    late_rules: list[tuple[Rule, timedelta]] = field(default_factory=list)
    unreachable: set[tuple[int, str]] = field(default_factory=set)
    poor_terms: Callable[[Account], Terms | None] | None = None
    hidden_identities: set[tuple[int, int]] = field(default_factory=set)
    early_rate_changes: bool = False
    lost: int = 0
    """How many FinalizeTransfers never arrived."""

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)

    def _code(self, rules: list[Rule], message: Message) -> str | None:
        return next((rule.code for rule in rules if rule.applies(message, self._dice)), None)

    def reject_prepare(self, request: PrepareTransfer) -> str | None:
        return self._code(self.prepare_rules, request)

    def fail_commit(self, request: FinalizeTransfer, transfer: PreparedTransfer) -> str | None:
        return self._code(self.commit_rules, request)

    def reject_config(self, request: ConfigureAccount) -> str | None:
        return self._code(self.config_rules, request)

    def is_unreachable(self, debtor_id: int, recipient: str) -> bool:
        return (debtor_id, recipient) in self.unreachable

    def loses_finalize(self, request: FinalizeTransfer) -> bool:
        is_lost = self._code(self.lost_rules, request) is not None
        self.lost += is_lost
        return is_lost

    def hold_finalize(self, request: FinalizeTransfer) -> timedelta | None:
        return next((delay for rule, delay in self.late_rules if rule.applies(request, self._dice)), None)

    def prepares_twice(self, request: PrepareTransfer) -> bool:
        return self._code(self.duplicate_rules, request) is not None

    def terms(self, account: Account, proper: Terms) -> Terms:
        poor = self.poor_terms(account) if self.poor_terms else None
        return poor or proper

    def hides_identity(self, account: Account) -> bool:
        return account.key in self.hidden_identities

    def breaks_rate_spacing(self, account: Account) -> bool:
        return self.early_rate_changes

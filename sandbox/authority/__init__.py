"""An accounting authority in memory: it keeps accounts, answers SMP messages and never loses a token."""

from __future__ import annotations

from sandbox.authority.audit import Totals
from sandbox.authority.books import ConservationError
from sandbox.authority.core import Authority, Clock, PaymentError
from sandbox.authority.faults import Faults, Rule, ScriptedFaults, Terms
from sandbox.authority.root_config import DebtorInfo, RootConfig
from sandbox.authority.settings import AuthoritySettings

__all__ = [
    "Authority",
    "AuthoritySettings",
    "Clock",
    "ConservationError",
    "DebtorInfo",
    "Faults",
    "PaymentError",
    "RootConfig",
    "Rule",
    "ScriptedFaults",
    "Terms",
    "Totals",
]

"""What the properties play histories of, each with its share of all."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import strategies as st

from tests.properties.attempts import attempt_histories
from tests.properties.chains import Twins, twins
from tests.properties.courses import (
    account_courses,
    attempt_courses,
    debtor_courses,
    lock_courses,
    payment_courses,
    policy_courses,
)
from tests.properties.harness import History
from tests.properties.locks import lock_histories
from tests.properties.mixed import mixed_histories
from tests.properties.payments import payment_histories, settled_histories
from tests.properties.reports import account_histories, debtor_histories, policy_histories

BATCHES: dict[str, tuple[int, st.SearchStrategy[History]]] = {
    "policies": (1, policy_histories()),
    "accounts": (2, account_histories()),
    "debtors": (2, debtor_histories()),
    "locks": (4, lock_histories()),
    "attempts": (4, attempt_histories()),
    "payments": (3, payment_histories()),
    "payments and 3/0": (2, settled_histories()),
    "mixed": (4, mixed_histories()),
}
ORDERS: dict[str, tuple[int, st.SearchStrategy[Twins]]] = {
    "policies": (1, twins(policy_courses())),
    "accounts": (2, twins(account_courses())),
    "debtors": (2, twins(debtor_courses())),
    "payments": (3, twins(payment_courses(), finish=True)),
    "attempts": (3, twins(attempt_courses())),
    "locks": (3, twins(lock_courses())),
}


def share_of(concern: str, concerns: Mapping[str, tuple[int, object]]) -> float:
    """Of all histories; batches and orders have half of them each."""
    return concerns[concern][0] / sum(share for share, _ in concerns.values()) / 2

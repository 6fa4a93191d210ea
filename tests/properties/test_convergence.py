"""Where order, repetition and batches of messages must not matter, they do not."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import strategies as st

from tests.properties.chains import Twins, twins
from tests.properties.conftest import Explore
from tests.properties.courses import (
    account_courses,
    attempt_courses,
    debtor_courses,
    lock_courses,
    payment_courses,
    policy_courses,
)
from tests.properties.harness import Outcome, Shard

CONCERNS: dict[str, tuple[int, st.SearchStrategy[Twins]]] = {
    "policies": (1, twins(policy_courses())),
    "accounts": (2, twins(account_courses())),
    "debtors": (2, twins(debtor_courses())),
    "payments": (3, twins(payment_courses(), finish=True)),
    "attempts": (3, twins(attempt_courses())),
    "locks": (3, twins(lock_courses())),
}
TOTAL = sum(share for share, _ in CONCERNS.values())

# What a newer message makes superfluous is sent only if it was handled before the newer one came …
OVERTAKEN = {"q_out_activate_collector", "q_out_discover_debtor", "q_out_fetch_debtor_info"}
# … and the first news of an account asks for more than the later ones.
DEPENDENT = {"q_out_discover_debtor"}


@pytest.mark.parametrize("concern", CONCERNS)
def test_disorder_changes_nothing(shard: Shard, concern: str, explore: Explore) -> None:
    share, courses = CONCERNS[concern]
    explore(share / TOTAL / 2, courses, lambda course: check_twins(shard, course))


def check_twins(shard: Shard, course: Twins) -> None:
    in_order = shard.play(course.in_order).outcome
    disorderly = shard.play(course.disorderly).outcome
    different = "\n".join(
        line
        for name in sorted(in_order.keys() | disorderly.keys())
        for line in _differences(name, in_order, disorderly)
    )
    assert not different, f"the order of messages matters:\n{different}"


def _differences(name: str, in_order: Outcome, disorderly: Outcome) -> list[str]:
    left, right = (Counter(json.dumps(row, sort_keys=True) for row in o.get(name, [])) for o in (in_order, disorderly))
    if name.startswith("q_") or name in ("prepare_transfer", "finalize_transfer"):
        # Effects: their receivers do not mind repetitions.
        left, right = Counter(left.keys()), Counter(right.keys())
    missing = [] if name in OVERTAKEN else list((left - right).elements())
    added = [row for row in (right - left).elements() if not _is_late_dismissal(name, json.loads(row))]
    if name in DEPENDENT:
        added = []
    return [f"  only in order: {name} {row}" for row in missing] + [
        f"  only in disorder: {name} {row}" for row in added
    ]


def _is_late_dismissal(name: str, row: dict[str, Any]) -> bool:
    """A PreparedTransfer that comes again after the end of its lock or attempt is dismissed; nobody minds."""
    return name == "finalize_transfer" and row["committed_amount"] == 0

"""All concerns of a shard at once."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.properties import attempts, locks, payments, reports
from tests.properties.harness import History, Message, Step
from tests.properties.worlds import in_batches, one_of_each


def _pools() -> dict[str, list[Message]]:
    concerns = {
        "locks": locks.MESSAGES,
        "attempts": attempts.MESSAGES,
        "payments": payments.MESSAGES,
        "policies": reports.POLICIES,
        "accounts": reports.ACCOUNTS,
        "debtors": reports.DEBTOR_INFOS,
    }
    return {f"{concern} {name}": pool for concern, pools in concerns.items() for name, pool in pools.items()}


def mixed_histories() -> st.SearchStrategy[History]:
    """Messages of every type; locks and attempts of one turn are in any state."""
    world = st.tuples(locks.lock_world(), attempts.attempt_world(), reports.debtor_world()).map(
        lambda drawn: [*drawn[0], *(step for step in drawn[1] if not _is_turn(step)), *drawn[2]]
    )
    return in_batches(world, one_of_each(_pools()), [Step("trigger"), Step("advance"), *attempts.LATER])


def _is_turn(step: Step) -> bool:
    return step.fields["table"] in ("worker_turn", "worker_turn_lane")

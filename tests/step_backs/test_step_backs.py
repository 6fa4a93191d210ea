"""The short form of `python -m tests.step_backs`: each way back once, for a worker, the solver, and all at once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.step_backs.town import DATABASES, WORKERS, Town
from tests.step_backs.trial import Plan, check_next_turn, run_trial

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PLANS = (
    Plan("dump", ("worker_0",), "payments", 1, keeps_journal=True),
    Plan("point in time", ("solver",), "phase 2", 2),
    Plan("promotion", DATABASES, "phase 3", 3),
)


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    with Town() as town:
        yield town


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.kind)
def test_nobody_is_paid_twice_and_the_next_turn_trades(town: Town, plan: Plan) -> None:
    finding = run_trial(town, plan)
    assert finding.problems == []
    assert finding.lost_tokens == finding.decided == 0 or not plan.keeps_journal
    check_next_turn(town)


def test_what_came_in_before_everything_was_forgotten_is_on_the_list(town: Town) -> None:
    """All databases are put back to before the turn's payments, after collectors have got some."""
    plan = Plan("promotion", DATABASES, "phase 1", 4)

    def has_come(turn_id: int) -> bool:
        query = (
            "select exists (select from worker.worker_collecting where collected and turn_id >= %s)"
            " or exists (select from worker.dispatching_status where started_sending and turn_id >= %s)"
        )
        return any(town.query(worker, query, turn_id, turn_id) == [(True,)] for worker in WORKERS)

    finding = run_trial(town, plan, has_come)
    assert finding.problems == []
    assert finding.unexplained_tokens
    assert finding.lost_tokens == 0
    check_next_turn(town)

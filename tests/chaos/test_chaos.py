"""The short form of `make chaos`: each kind of fault once, and apart from these a database that is put back in time.

What step backs leave may wait for weeks, so not every mixture with them ends in the time that a test has; all three
ways back have short forms of their own in tests/step_backs.
"""

from __future__ import annotations

import pytest

from tests.chaos.faults import FAULTS, cut_broker, kill_process
from tests.chaos.run import run
from tests.chaos.step_backs import STEP_BACKS, restore_dump

pytestmark = [
    pytest.mark.slow,
    pytest.mark.rabbitmq,
    pytest.mark.timeout(1800),
    pytest.mark.usefixtures("rabbitmq_url"),
]


def test_nothing_is_lost_when_everything_fails_once() -> None:
    kinds = {fault: weight for fault, weight in FAULTS.items() if fault not in STEP_BACKS}
    summary = run(7, len(kinds), print, kinds)
    assert sum(summary.faults.values()) == len(summary.faults) == len(kinds)
    assert summary.trading_turns >= 1


def test_nothing_is_lost_when_a_database_steps_back_among_other_faults() -> None:
    kinds = {kill_process: 1.0, restore_dump: 1.0, cut_broker: 1.0}
    summary = run(7, len(kinds), print, kinds)
    assert sum(summary.faults.values()) == len(summary.faults) == len(kinds)
    assert summary.trading_turns >= 1

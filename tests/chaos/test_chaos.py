"""The short form of `make chaos`: each kind of fault once.

Databases that are put back in time, which `make chaos` mixes with the others, have short forms of their own in
tests/step_backs: what they leave may wait for weeks, so not every mixture ends in the time that a test has.
"""

from __future__ import annotations

import pytest

from tests.chaos.faults import FAULTS
from tests.chaos.run import run
from tests.chaos.step_backs import STEP_BACKS


@pytest.mark.slow
@pytest.mark.rabbitmq
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("rabbitmq_url")
def test_nothing_is_lost_when_everything_fails_once() -> None:
    kinds = {fault: weight for fault, weight in FAULTS.items() if fault not in STEP_BACKS}
    summary = run(7, len(kinds), print, kinds)
    assert sum(summary.faults.values()) == len(summary.faults) == len(kinds)
    assert summary.trading_turns >= 1

"""The short form of `make chaos`: each kind of fault once."""

from __future__ import annotations

import pytest

from tests.chaos.faults import FAULTS
from tests.chaos.run import run


@pytest.mark.slow
@pytest.mark.rabbitmq
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("rabbitmq_url")
def test_nothing_is_lost_when_everything_fails_once() -> None:
    summary = run(7, len(FAULTS), print)
    assert sum(summary.faults.values()) == len(summary.faults) == len(FAULTS)
    assert summary.trading_turns >= 1

"""The short form of `make chaos-cluster`: one node is killed while a turn trades, and comes back."""

from __future__ import annotations

import pytest

from tests.chaos.node_faults import kill_node
from tests.chaos.run import run


@pytest.mark.slow
@pytest.mark.rabbitmq
@pytest.mark.timeout(1800)
@pytest.mark.usefixtures("rabbitmq_url")
def test_nothing_is_lost_when_a_node_of_the_broker_is_killed() -> None:
    summary = run(1, 1, print, {kill_node: 1.0}, is_clustered=True)
    assert summary.faults.total() == len(summary.interruptions["kill_node"]) == 1
    assert summary.trading_turns >= 1

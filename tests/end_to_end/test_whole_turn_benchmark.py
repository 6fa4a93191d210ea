from __future__ import annotations

import pytest
from rich.console import Console

from benchmarks.whole_turn import measure
from sandbox.economy.generator import make_economy


@pytest.mark.slow
@pytest.mark.parametrize("threads", [True, False])
def test_the_benchmark_finishes_a_turn(threads: bool) -> None:
    times = measure(make_economy(1, 120, 30), threads, Console(quiet=True))
    assert times.offers > 100
    assert 0 < times.traded <= times.offers
    assert [name for name, _, _ in times.parts][:3] == ["bids and locks", "replies to PrepareTransfer", "shipping"]
    assert sum(seconds for _, seconds, _ in times.parts) == pytest.approx(times.seconds, rel=0.1)
    # Every offer has at least a request and a reply.
    assert sum(messages for _, _, messages in times.parts) > 4 * times.offers
    assert times.process_cpu > 0 < times.server_cpu

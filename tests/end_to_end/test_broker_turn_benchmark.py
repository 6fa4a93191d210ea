"""`make bench-turn`, small: real processes trade over a real RabbitMQ, and stand-ins say the same."""

from __future__ import annotations

import pytest
from rich.console import Console

from benchmarks.broker_turn import measure, show
from sandbox.economy.generator import make_economy


@pytest.mark.slow
@pytest.mark.rabbitmq
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("rabbitmq_url")
def test_the_benchmark_finishes_a_turn_and_plays_it_with_stand_ins() -> None:
    turn = measure(make_economy(1, 120, 30), 2, True, Console(quiet=True))
    assert not turn.leftovers
    assert 100 < turn.traded <= turn.offers
    assert turn.seconds == pytest.approx(sum(seconds for _, seconds in turn.phases))
    # Each offer is prepared and finalized; what is paid to collectors is paid out.
    assert turn.sent["PrepareTransfer"] == turn.sent["FinalizeTransfer"] > turn.offers
    assert turn.told["PreparedTransfer"] == turn.sent["PrepareTransfer"]
    assert {"worker consume_messages", "solver roll_turns", "RabbitMQ", "authority", "agent"} <= turn.cpu.keys()
    assert turn.played is not None
    assert turn.played.published == sum(turn.sent.values())
    # All that was told for certain: ledgers are told of a second later.
    assert turn.played.taken >= sum(turn.told.values()) - turn.told["UpdatedLedger"]
    show(turn, 2, Console(quiet=True))

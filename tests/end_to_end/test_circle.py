"""The smallest whole thing: five traders, three currencies, one shard, money moved."""

from __future__ import annotations

import pytest
from rich.console import Console

from sandbox.demo import AMOUNT_CUT, Progress, pace_of, trade
from sandbox.servers.documents import DocumentServer
from sandbox.servers.postgres import PrivateServer
from sandbox.world.exchange import InProcessExchange
from sandbox.world.world import World
from tests.end_to_end.towns import BASE, COPPER, FIRST_TRADER, SILVER, circle

pytestmark = pytest.mark.slow


def test_five_traders_trade_in_a_circle() -> None:
    economy = circle()
    with (
        PrivateServer() as server,
        DocumentServer() as documents,
        World(server, InProcessExchange(), 1, pace_of(economy, documents), documents) as world,
    ):
        outcome, report = trade(world, economy, Progress(Console(quiet=True)))
        principals = world.settlement().principals
    assert outcome.problems() == []
    assert report.share_of_bound is not None
    assert report.share_of_bound > 0.999
    # What is given is exact; what is got has paid the cut, rounded down, once per payment.
    anna, boris, clara = (FIRST_TRADER + n for n in range(3))
    assert principals[anna, BASE] == 94_000
    assert principals[boris, SILVER] == 47_000
    assert principals[clara, COPPER] == 188_000
    assert principals[anna, COPPER] == int(12_000 * (1 - AMOUNT_CUT))
    assert principals[boris, BASE] == int(6_000 * (1 - AMOUNT_CUT))
    assert principals[clara, SILVER] == int(3_000 * (1 - AMOUNT_CUT))
    untouched = {a.creditor_id: a for a in economy.accounts if a.creditor_id >= FIRST_TRADER + 3}
    for row in economy.accounts:
        if row.creditor_id in untouched:
            assert principals[row.creditor_id, row.debtor_id] == row.principal

"""A whole turn where every database is Turkish."""

from __future__ import annotations

import pytest
from rich.console import Console

from sandbox.demo import Progress, pace_of, trade
from sandbox.servers.documents import DocumentServer
from sandbox.servers.postgres import PrivateServer
from sandbox.world.exchange import InProcessExchange
from sandbox.world.world import World
from tests.end_to_end.towns import circle

pytestmark = pytest.mark.slow


def test_two_turkish_shards_trade_in_a_circle() -> None:
    economy = circle()
    with (
        PrivateServer(icu_locale="tr-TR") as server,
        DocumentServer() as documents,
        World(server, InProcessExchange(), 2, pace_of(economy, documents), documents) as world,
    ):
        story = trade(world, economy, Progress(Console(quiet=True)))
        outcome, report = story.outcome, story.report
    assert outcome.problems() == []
    assert report.share_of_bound is not None
    assert report.share_of_bound > 0.999

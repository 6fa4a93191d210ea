from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from bridge.redelivered import Redelivered, delivery_count
from bridge.wire.ports import Delivery
from pipelines import hook


class Ear:
    def __init__(self) -> None:
        self.heard: list[tuple[str, int]] = []

    def on_event(self, event: str, message_type: str, amount: int) -> None:
        self.heard.append((event, amount))

    def on_solved(self, report: object) -> None: ...


@pytest.fixture
def ear() -> Iterator[Ear]:
    made = Ear()
    hook.listen(made)
    yield made
    hook.listen(None)


def delivery(headers: Mapping[str, Any], redelivered: bool = True) -> Delivery:
    return Delivery(1, "to_trade", "", "X", None, headers, b"", redelivered)


class Strange(Mapping[str, Any]):
    """Headers that can not be decoded."""

    def __getitem__(self, name: str) -> Any:
        raise ValueError("x")

    def __iter__(self) -> Iterator[str]:
        raise ValueError("x")

    def __len__(self) -> int:
        raise ValueError("x")


@pytest.mark.parametrize(
    ("headers", "count"),
    [({}, 0), ({"x-delivery-count": 7}, 7), ({"x-delivery-count": "many"}, 0), (Strange(), 0)],
)
def test_the_count_of_deliveries(headers: Mapping[str, Any], count: int) -> None:
    assert delivery_count(delivery(headers)) == count


def test_what_comes_again_and_again_is_worth_a_warning_a_minute(ear: Ear, caplog: pytest.LogCaptureFixture) -> None:
    watch = Redelivered()
    once, often = delivery({"x-delivery-count": 1}), delivery({"x-delivery-count": 3})
    watch.look_at([once, once, delivery({"x-delivery-count": 5}, redelivered=False)], 0.0)
    assert caplog.records == []
    watch.look_at([once, often], 1.0)
    watch.look_at([often], 60.0)
    watch.look_at([often], 61.0)
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    assert "2 messages were given back to the queue before, up to 3 times" in caplog.text
    assert ear.heard == [("redelivered", 2), ("redelivered", 2), ("redelivered", 1), ("redelivered", 1)]

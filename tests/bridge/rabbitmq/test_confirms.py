from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.rabbitmq.confirms import Batch
from bridge.rabbitmq.frames import Confirmation
from bridge.wire.ports import Publication


def publications(count: int) -> list[Publication]:
    return [Publication("e", "k", "T", b"%d" % (n // 2), mandatory=n % 3 == 0) for n in range(count)]


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 10**12), st.randoms(use_true_random=False))
def test_any_mixture_of_confirmations(count: int, first: int, chance: random.Random) -> None:
    """Single and multiple ones, refusals, repetitions: compared with a plain set of numbers."""
    batch = Batch(publications(count), "", first)
    batch.sent = count
    left = set(range(first, first + count))
    refused: set[int] = set()
    while left:
        tag = chance.randrange(first, first + count)
        multiple, is_refusal = chance.random() < 0.3, chance.random() < 0.2
        now = {number for number in left if number <= tag} if multiple else left & {tag}
        batch.confirm([Confirmation(tag, multiple, is_refusal)])
        left -= now
        if is_refusal:
            refused |= {number - first for number in now}
        assert (batch.in_doubt, batch.is_done) == (len(left), not left)
    assert batch.refused == refused
    batch.confirm([Confirmation(first + count - 1, True, True)])
    assert batch.refused == refused


def test_returns_are_found_by_content() -> None:
    batch = Batch(publications(8), "p.", 1)
    batch.add_return("p.e", "k", b"1")
    batch.add_return("p.e", "k", b"0")
    assert batch.returned == {3, 0}
    with pytest.raises(KeyError):
        batch.add_return("p.e", "other", b"1")

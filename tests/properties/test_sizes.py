"""The properties play as many histories as promised."""

from __future__ import annotations

import pytest

from tests.properties.concerns import BATCHES, ORDERS, share_of
from tests.properties.sizes import HISTORIES, history_count


@pytest.mark.parametrize("profile", HISTORIES)
def test_shares_make_the_whole(profile: str) -> None:
    shares = [share_of(concern, BATCHES) for concern in BATCHES] + [share_of(concern, ORDERS) for concern in ORDERS]
    assert sum(history_count(profile, share) for share in shares) >= HISTORIES[profile]


def test_ci_plays_two_thousand() -> None:
    assert HISTORIES["ci"] >= 2000

"""The properties play as many histories as promised."""

from __future__ import annotations

import pytest

from tests.properties import test_batches, test_convergence
from tests.properties.sizes import HISTORIES, history_count


@pytest.mark.parametrize("profile", HISTORIES)
def test_shares_make_the_whole(profile: str) -> None:
    shares = [
        share / module.TOTAL / 2 for module in (test_batches, test_convergence) for share, _ in module.CONCERNS.values()
    ]
    assert sum(history_count(profile, share) for share in shares) >= HISTORIES[profile]


def test_ci_plays_two_thousand() -> None:
    assert HISTORIES["ci"] >= 2000

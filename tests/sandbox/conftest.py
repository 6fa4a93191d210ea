from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sandbox.authority import Authority, AuthoritySettings, Faults, RootConfig
from tests.sandbox.box import BUYER, COLLECTOR, DEBTOR, SELLER, configure


class FakeClock:
    """A clock that goes on only when told."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **parts: float) -> datetime:
        self.now += timedelta(**parts)
        return self.now

    def set(self, moment: str) -> datetime:
        self.now = datetime.fromisoformat(moment).replace(tzinfo=UTC)
        return self.now


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(datetime(2026, 11, 23, 16, 10, tzinfo=UTC))


@pytest.fixture
def authority(clock: FakeClock) -> Authority:
    """One currency without interest; a seller, a buyer and a collector with empty accounts."""
    return make_authority(clock)


def make_authority(
    clock: FakeClock,
    settings: AuthoritySettings | None = None,
    faults: Faults | None = None,
    config: RootConfig | None = None,
) -> Authority:
    authority = Authority(settings or AuthoritySettings(), clock, faults=faults)
    authority.configure_currency(DEBTOR, config)
    authority.step(
        [configure(SELLER, clock()), configure(BUYER, clock()), configure(COLLECTOR, clock(), negligible=1e30)]
    )
    return authority

"""The database that plays histories, and the search for histories that fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sql import Kind
from tests.databases import DatabasePool
from tests.properties.harness import Shard
from tests.properties.sizes import history_count, profile

T = TypeVar("T")


class Explore(Protocol):
    """Plays its share (0 .. 1) of all histories."""

    def __call__(self, share: float, histories: st.SearchStrategy[T], check: Callable[[T], None]) -> None: ...


@pytest.fixture(params=["sample", pytest.param("full", marks=pytest.mark.slow)])
def explore(request: pytest.FixtureRequest) -> Explore:
    """Finds histories that fail a check, shortens the first one found and shows it."""
    chosen = profile(request.param)

    def run(share: float, histories: st.SearchStrategy[T], check: Callable[[T], None]) -> None:
        count = history_count(chosen, share)
        played = 0

        @settings(
            max_examples=count,
            deadline=None,
            database=None,
            derandomize=request.param == "sample",
            print_blob=True,
            phases=(Phase.explicit, Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )
        @given(history=histories)
        def example(history: T) -> None:
            nonlocal played
            played += 1
            check(history)

        example()
        assert played >= count

    return run


@pytest.fixture(scope="session")
def shard(pools: dict[Kind, DatabasePool]) -> Iterator[Shard]:
    """The database of all histories of this process. Nothing is ever committed to it."""
    with pools["worker"].connection() as connection:
        yield Shard(connection)

"""Whole economies under faults. A failure prints its seed; `make simulate` runs many more."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from tests.simulation.databases import SimulationServer
from tests.simulation.driver import run_seed
from tests.simulation.faults import Plan, make_plan

pytestmark = pytest.mark.slow

FIXED = (3, 4, 6, 9, 14, 19)
"""Seeds with trade under all kinds of faults."""
FRESH = tuple(random.SystemRandom().randrange(10**6, 10**9) for _ in range(2))


@pytest.fixture(scope="module")
def server() -> Iterator[SimulationServer]:
    with SimulationServer() as server:
        yield server


@pytest.mark.parametrize("seed", FIXED)
def test_fixed_seeds(server: SimulationServer, seed: int) -> None:
    assert run_seed(server, seed).payments > 0


# The numbers are new in each run, so they must not be in the tests' names: parallel workers have to collect the same.
@pytest.mark.parametrize("number", range(len(FRESH)))
def test_fresh_seeds(server: SimulationServer, number: int) -> None:
    assert run_seed(server, FRESH[number]).steps > 0


def test_the_same_seed_runs_the_same_way(server: SimulationServer) -> None:
    assert run_seed(server, 3).digest == run_seed(server, 3).digest


def test_the_fixed_seeds_suffer_from_everything() -> None:
    plans = [make_plan(random.Random(seed)) for seed in FIXED]
    faults = [name for name in Plan.__dataclass_fields__ if name not in ("delay_by", "reorder_window")]
    assert [name for name in faults if not any(getattr(plan, name) for plan in plans)] == []

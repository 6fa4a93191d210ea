"""Whole economies under faults. A failure prints its seed; `make simulate` runs many more."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from tests.simulation.databases import SimulationServer
from tests.simulation.driver import Run, run_seed
from tests.simulation.faults import Plan, make_plan
from tests.simulation.many import run_seeds

pytestmark = pytest.mark.slow

FIXED = (13, 14, 28, 31, 33, 39, 99)
"""Seeds with trade under all kinds of faults."""
MISSING = (13, 14, 28, 33, 39, 99)
"""Those of them in which some sellers do not pay, so that collectors have to pay less than was arranged."""
FRESH = tuple(random.SystemRandom().randrange(10**6, 10**9) for _ in range(2))


@pytest.fixture(scope="module")
def server() -> Iterator[SimulationServer]:
    with SimulationServer() as server:
        yield server


@pytest.mark.parametrize("seed", FIXED)
def test_fixed_seeds(server: SimulationServer, seed: int) -> None:
    run = run_seed(server, seed)
    assert run.payments > 0
    assert (run.missing > 0) == (seed in MISSING)


# The numbers are new in each run, so they must not be in the tests' names: parallel workers have to collect the same.
@pytest.mark.parametrize("number", range(len(FRESH)))
def test_fresh_seeds(server: SimulationServer, number: int) -> None:
    assert run_seed(server, FRESH[number]).steps > 0


def test_the_same_seed_runs_the_same_way(server: SimulationServer) -> None:
    assert run_seed(server, 33).digest == run_seed(server, 33).digest


def test_the_fixed_seeds_suffer_from_everything() -> None:
    plans = [make_plan(random.Random(seed)) for seed in FIXED]
    faults = [name for name in Plan.__dataclass_fields__ if name not in ("delay_by", "reorder_window")]
    assert [name for name in faults if not any(getattr(plan, name) for plan in plans)] == []


def test_seeds_run_in_several_processes() -> None:
    outcomes = dict(run_seeds((3, 31, 33), processes=2))
    assert sorted(outcomes) == [3, 31, 33]
    assert all(isinstance(outcome, Run) for outcome in outcomes.values())

"""The maximum circulation equals that of OR-Tools' minimum cost flow, and flows obey their bounds."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ortools.graph.python import min_cost_flow

from pipelines.solver.search.circulation import Circulation, NoTimeLeft, Search, maximum_circulation
from pipelines.solver.search.contraction import Contraction
from pipelines.solver.search.minimum import reach_minimum
from pipelines.solver.search.network import Network
from tests.examples import examples


def random_network(seed: int, traders: int, currencies: int, density: float) -> tuple[Network, np.ndarray]:
    """A network whose capacities have heavy tails, with some equal to each other."""
    rng = np.random.default_rng(seed)
    trader, currency = np.nonzero(rng.random((traders, currencies)) < density)
    capacity = np.exp(rng.normal(8.0, 3.0, trader.size)).astype(np.int64) + 1
    capacity = np.where(rng.random(trader.size) < 0.2, 1000, capacity)
    return Network.of(trader, currency, rng.random(trader.size) < rng.uniform(0.2, 0.8)), capacity


def greatest_value(network: Network, capacity: np.ndarray, least: np.ndarray) -> int | None:
    """What can be sold at most, according to SimpleMinCostFlow; None when `least` cannot be reached."""
    optimiser = min_cost_flow.SimpleMinCostFlow()
    currency = network.currency + network.traders
    tail = np.where(network.is_sell, network.trader, currency)
    head = np.where(network.is_sell, currency, network.trader)
    supply = np.zeros(network.traders + network.currencies, np.int64)
    np.subtract.at(supply, tail, least)
    np.add.at(supply, head, least)
    optimiser.add_arcs_with_capacity_and_unit_cost(
        tail.astype(np.int32), head.astype(np.int32), capacity - least, np.where(network.is_sell, -1, 0)
    )
    optimiser.set_nodes_supplies(np.arange(supply.size, dtype=np.int32), supply)
    if optimiser.solve() != optimiser.OPTIMAL:
        return None
    return int(least[network.is_sell].sum()) - int(optimiser.optimal_cost())


def value(network: Network, flow: np.ndarray) -> int:
    return int(flow[network.is_sell].sum())


def is_circulation(network: Network, flow: np.ndarray) -> bool:
    inflow = np.where(network.is_sell, -flow, flow)
    return not (network.trader_sums(inflow).any() or network.currency_sums(inflow).any())


SIZES = st.tuples(st.integers(0, 2**32), st.integers(1, 60), st.integers(1, 12), st.sampled_from([0.1, 0.3, 0.6]))


@settings(max_examples=examples(200), deadline=None, derandomize=True)
@given(size=SIZES)
def test_the_value_is_the_greatest(size: tuple[int, int, int, float]) -> None:
    network, capacity = random_network(*size)
    nothing = np.zeros(capacity.size, np.int64)
    found = maximum_circulation(network, capacity)
    assert found.is_complete
    assert is_circulation(network, found.flow)
    assert ((found.flow >= 0) & (found.flow <= capacity)).all()
    assert value(network, found.flow) == greatest_value(network, capacity, nothing)


@settings(max_examples=examples(100), deadline=None, derandomize=True)
@given(size=SIZES, other=st.integers(0, 2**32))
def test_the_value_is_the_greatest_from_any_start_and_above_any_floor(
    size: tuple[int, int, int, float], other: int
) -> None:
    network, capacity = random_network(*size)
    rng = np.random.default_rng(other)
    start = maximum_circulation(network, np.where(rng.random(capacity.size) < 0.3, 0, capacity))
    found = maximum_circulation(network, capacity, start=start)
    assert value(network, found.flow) == greatest_value(network, capacity, np.zeros(capacity.size, np.int64))

    # A floor that a circulation reaches, and one that perhaps none does.
    least = start.flow // 2
    found = maximum_circulation(network, capacity, least, found)
    assert found.is_complete
    assert ((found.flow >= least) & (found.flow <= capacity)).all()
    assert value(network, found.flow) == greatest_value(network, capacity, least)
    least = np.where(rng.random(capacity.size) < 0.1, capacity, 0)
    found = maximum_circulation(network, capacity, least, found)
    assert found.is_complete == (greatest_value(network, capacity, least) is not None)


@settings(max_examples=examples(100), deadline=None, derandomize=True)
@given(size=SIZES, minimum=st.sampled_from([1, 50, 1000, 20000]), is_big=st.booleans())
def test_flows_reach_the_minimum_or_are_none(size: tuple[int, int, int, float], minimum: int, is_big: bool) -> None:
    network, capacity = random_network(*size)
    least = np.full(capacity.size, minimum)
    relaxed = maximum_circulation(network, capacity)
    with pytest.MonkeyPatch.context() as patch:
        # Big markets are repaired in parts.
        patch.setattr("pipelines.solver.search.minimum.LARGE", 0 if is_big else 2**31)
        patch.setattr("pipelines.solver.search.contraction.LARGE", 0)
        flow = reach_minimum(network, capacity, least, relaxed, Search())
    assert is_circulation(network, flow)
    assert ((flow == 0) | ((flow >= least) & (flow <= capacity))).all()
    if minimum == 1:
        assert value(network, flow) == value(network, relaxed.flow)


@settings(max_examples=examples(200), deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32), traders=st.integers(31, 80), currencies=st.integers(2, 8), others=st.integers(0, 30))
def test_joining_simple_traders_changes_nothing(seed: int, traders: int, currencies: int, others: int) -> None:
    network, capacity = market_of_simple_traders(seed, traders, currencies, others)
    nothing = np.zeros(capacity.size, np.int64)
    rng = np.random.default_rng(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipelines.solver.search.contraction.LARGE", 0)
        patch.setattr("pipelines.solver.search.contraction.WORTH_IT", 0.0)
        contraction = Contraction.of(network, capacity, nothing, np.zeros(network.traders, np.int64))
        assert contraction is not None
        assert contraction.network.traders <= network.traders
        found = maximum_circulation(network, capacity)
        assert value(network, found.flow) == greatest_value(network, capacity, nothing)
        assert_proven(network, found, nothing, capacity)

        start = maximum_circulation(network, np.where(rng.random(capacity.size) < 0.3, 0, capacity))
        least = start.flow // 2
        found = maximum_circulation(network, capacity, least, found)
        assert value(network, found.flow) == greatest_value(network, capacity, least)
        assert_proven(network, found, least, capacity)
        least = np.where(rng.random(capacity.size) < 0.1, capacity, 0)
        found = maximum_circulation(network, capacity, least, found)
        assert found.is_complete == (greatest_value(network, capacity, least) is not None)


def test_of_traders_without_a_choice_as_many_as_possible_are_served() -> None:
    # Four buy in currency 0 what they sell in 1, the last one goes back with 12: enough for 5 and 7, or 9 and 3 units.
    capacity = np.repeat([9, 5, 7, 8, 12], 2)
    sides = [False, True] * 4 + [True, False]
    network = Network.of(np.repeat(np.arange(5), 2), np.array([0, 1] * 5), np.array(sides))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipelines.solver.search.contraction.LARGE", 0)
        flow = maximum_circulation(network, capacity).flow
    assert flow.reshape(5, 2)[:, 0].tolist() == [0, 5, 7, 0, 12]


def market_of_simple_traders(seed: int, traders: int, currencies: int, others: int) -> tuple[Network, np.ndarray]:
    """Most traders have one buy and one sell offer, `others` of them have more."""
    rng = np.random.default_rng(seed)
    number = np.where(np.arange(traders) < others, min(4, currencies), 2)
    number = rng.permutation(number)
    currency = np.concatenate([rng.permutation(currencies)[:size] for size in number])
    is_sell = rng.random(currency.size) < 0.5
    second = np.cumsum(number) - number + 1
    is_sell[second] = ~is_sell[second - 1]
    capacity = np.exp(rng.normal(8.0, 2.0, currency.size)).astype(np.int64) + 1
    return Network.of(np.repeat(np.arange(traders), number), currency, is_sell), capacity


def assert_proven(network: Network, found: Circulation, least: np.ndarray, capacity: np.ndarray) -> None:
    """The levels show that nothing could be better."""
    assert found.is_complete
    assert is_circulation(network, found.flow)
    assert ((found.flow >= least) & (found.flow <= capacity)).all()
    costs = found.levels.reduced_costs(network)
    assert (found.flow[costs < 0] == capacity[costs < 0]).all()
    assert (found.flow[costs > 0] == least[costs > 0]).all()


def test_capacities_near_the_greatest_sum_are_exact() -> None:
    trader = np.repeat(np.arange(50), 2)
    currency = np.stack([np.arange(50), (np.arange(50) + 1) % 50], axis=1).ravel()
    network = Network.of(trader, currency, np.tile([True, False], 50))
    capacity = np.full(100, 2**53 + 1)
    capacity[7] = 2**53 - 1
    assert value(network, maximum_circulation(network, capacity).flow) == 50 * (2**53 - 1)


def test_a_search_ends_at_its_deadline() -> None:
    network, capacity = random_network(1, 40, 8, 0.3)
    with pytest.raises(NoTimeLeft):
        maximum_circulation(network, capacity, search=Search(deadline=time.monotonic() - 1.0))


def test_what_is_found_before_the_deadline_is_kept() -> None:
    network, capacity = random_network(1, 40, 8, 0.3)
    relaxed = maximum_circulation(network, capacity)
    found: list[int] = []
    search = Search(deadline=time.monotonic() - 1.0, on_found=found.append)
    flow = reach_minimum(network, capacity, np.full(capacity.size, 2000), relaxed, search)
    assert is_circulation(network, flow)
    assert set(found) == {value(network, flow)}
    assert found[0] > 0


def test_each_maximum_flow_is_told() -> None:
    network, capacity = random_network(3, 60, 8, 0.3)
    told: list[int] = []
    found = maximum_circulation(network, capacity, search=Search(on_max_flow=lambda: told.append(1)))
    assert isinstance(found, Circulation)
    assert len(told) >= 1

"""Solutions that are checked at once."""

from __future__ import annotations

import hashlib
import math

from hypothesis import strategies as st

from pipelines.solver.check import check
from pipelines.solver.market import Market, Solution
from pipelines.solver.price import price
from pipelines.solver.solve import solve
from tests.pipelines.solver.markets import broken_rules

MAX64 = 2**63 - 1


def solve_and_check(market: Market) -> Solution:
    solution = solve(market)
    prices = price(market.currencies, market.parameters)[0]
    assert check(market, prices, market.parameters.least_trade, solution.trades).rows() == []
    assert broken_rules(market, dict(prices.iter_rows()), solution.trades) == set()
    return solution


AMOUNTS = st.one_of(
    st.sampled_from([-(2**63), -1, 0, 1, 2, 3, 999, 1000, 1001, 2**53 + 1, 2**62, MAX64 - 1, MAX64]),
    st.integers(1, 20),
    st.integers(900, 10000),
    st.integers(1, MAX64),
)
RATES = st.one_of(
    st.sampled_from([0.0, -1.0, math.inf, math.nan, 5e-324, 2.3e-308, 1e-300, 0.1, 1.0, 1 / 3, 1e17, 1e300]),
    st.floats(0.01, 100.0),
)


def fingerprint(market: Market) -> str:
    """A digest of the whole answer."""
    solution = solve(market)
    trades = solution.trades
    texts = [frame.write_csv() for frame in (trades.takings, trades.givings, trades.collector_transfers)]
    return hashlib.sha256(repr((texts, solution.traded_value, solution.upper_bound)).encode()).hexdigest()

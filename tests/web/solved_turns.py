"""A turn that was solved and archived, small enough to know all of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl
import psycopg

from pipelines.solver.market import NAMES
from pipelines.solver.solve import solve_turn
from tests.pipelines.solver.markets import make_market
from tests.pipelines.solver.solver_turns import COLLECTORS, OFFERS, insert_turn

MARKET = replace(
    make_market(
        # A circle of three, in which trader 2 gives only a part; one who offers too little; one who only offers; one
        # who wants what nobody offers; and a currency without a price.
        f"{OFFERS}; S 4 1 900 997; B 4 2 5000; S 5 1 4000 997; S 6 2 3000 999; B 6 3 3000; S 7 1 8000 997; B 7 9 7000",
        {2: 2.0, 3: 0.5},
        COLLECTORS,
    ),
    names=pl.DataFrame([(1, "Regio", "RGO"), (2, "Regio", None)], schema=NAMES, orient="row"),
)


def insert_solved_turn(solver: psycopg.Connection[Any], turn_id: int) -> None:
    """This market, solved in this turn, which is now in phase 3."""
    insert_turn(solver, MARKET, turn_id)
    assert solve_turn(solver, turn_id) is not None

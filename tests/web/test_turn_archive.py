"""What the API tells of solved turns, their currencies and circles."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.solver.solve import solve_turn
from tests.pipelines.solver.markets import make_market
from tests.pipelines.solver.solver_turns import COLLECTORS, OFFERS
from tests.pipelines.solver.solver_turns import insert_turn as insert_solver_turn
from tests.web.conftest import Web
from tests.web.rows import insert_turn
from tests.web.solved_turns import insert_solved_turn


@pytest.fixture
def turn(web: Web) -> Web:
    insert_solved_turn(web.solver, 5)
    return web


def items(web: Web, path: str | None) -> list[dict[str, Any]]:
    """Those of all pages of a list."""
    found: list[dict[str, Any]] = []
    while path is not None:
        response = web.get(path)
        assert response.status_code == 200, response.text
        assert response.json is not None
        found += response.json["items"]
        path = response.json["next"]
    return found


def test_a_turn_has_value_bound_share_and_reasons(turn: Web) -> None:
    found = turn.get("/trade/turns/5").json
    assert found is not None
    result = found["result"]
    assert found["whyNoResult"] is None
    assert (result["tradedValue"], result["offers"], result["traders"], result["tradersServed"]) == (22000.0, 13, 7, 3)
    assert result["shareOfBound"] == result["tradedValue"] / result["upperBound"] <= 1.0
    assert [reason["reason"] for reason in result["reasons"]] == [
        "one-sided trader",
        "no circle",
        "below minimum",
        "no price",
    ]
    assert result["reasons"][2] == {
        "reason": "below minimum",
        "meaning": "The offer was smaller than the smallest trade.",
        "offers": 1,
        "sellValue": 900.0,
        "buyValue": 0.0,
    }
    assert set(result["seconds"]) >= {"load", "match", "settle"}


def test_a_turn_without_a_result_says_why(turn: Web) -> None:
    insert_turn(turn.solver, 6, phase=1, deadline="2026-03-01T11:00:00Z")
    insert_turn(turn.solver, 7)
    for turn_id, why in (
        (6, "The turn is not solved yet."),
        (7, "Turn 7 has no archive; those of 1 turns are kept, from 5 to 5."),
    ):
        found = turn.get(f"/trade/turns/{turn_id}").json
        assert found is not None
        assert (found["result"], found["whyNoResult"]) == (None, why)
    for path in ("currencies/", "currencies/1", "circles/"):
        response = turn.get(f"/trade/turns/7/{path}")
        assert (response.status_code, response.json and response.json["message"]) == (404, why)


def test_currencies_have_prices_with_their_pegs_and_names_beside_ids(turn: Web) -> None:
    currencies = items(turn, "/trade/turns/5/currencies/?limit=3")
    assert [currency["debtorId"] for currency in currencies] == ["1", "2", "3", "9"]
    assert [(currency["name"], currency["abbreviation"]) for currency in currencies] == [
        ("Regio", "RGO"),
        ("Regio", None),
        (None, None),
        (None, None),
    ]
    second = turn.get("/trade/turns/5/currencies/2").json
    assert second == currencies[1]
    base = {"debtorId": "1", "signedDebtorId": "1", "name": "Regio", "abbreviation": "RGO"}
    assert second["price"] == 2.0
    assert second["peg"] == {**base, "exchangeRate": 2.0}
    assert second["path"] == [
        {"debtorId": "2", "signedDebtorId": "2", "name": "Regio", "abbreviation": None, "rate": 2.0},
        {**base, "rate": None},
    ]
    assert (second["offeredAmount"], second["wantedAmount"], second["tradedAmount"]) == (13000, 45000, 5500)
    assert (currencies[3]["price"], currencies[3]["peg"], currencies[3]["path"]) == (None, None, None)
    unknown = turn.get("/trade/turns/5/currencies/77")
    assert (unknown.status_code, "in turn 5" in unknown.text) == (404, True)
    assert turn.get("/trade/turns/5/currencies/?cursor=-1").status_code == 422


def test_circles_say_who_gives_what_to_whom(turn: Web) -> None:
    circles = items(turn, "/trade/turns/5/circles/?limit=1")
    assert [circle["circle"] for circle in circles] == list(range(1, len(circles) + 1))
    assert sum(circle["value"] * len(circle["steps"]) for circle in circles) == pytest.approx(22000.0)
    for circle in circles:
        steps = circle["steps"]
        for step, following in zip(steps, [*steps[1:], steps[0]], strict=True):
            assert step["gives"] == following["takes"]
            assert step["signedCreditorId"] == step["creditorId"]
    assert circles[0]["steps"][0]["gives"]["name"] == "Regio"

    through = items(turn, "/trade/turns/5/circles/?creditorId=2&limit=1")
    assert through
    assert all("2" in [step["creditorId"] for step in circle["steps"]] for circle in through)
    assert items(turn, "/trade/turns/5/circles/?debtorId=3") == []
    assert turn.get("/trade/turns/5/circles/?debtorId=x").status_code == 422


def test_ids_have_both_forms(web: Web) -> None:
    insert_solver_turn(web.solver, make_market(f"{OFFERS}; B 1 -9 7000", {2: 2.0}, COLLECTORS), 5)
    assert solve_turn(web.solver, 5) is not None
    first, second = items(web, "/trade/turns/5/currencies/?limit=1")[:2]
    assert (first["debtorId"], first["signedDebtorId"]) == (str(2**64 - 9), "-9")
    assert (second["debtorId"], second["signedDebtorId"]) == ("1", "1")
    assert web.get(f"/trade/turns/5/currencies/{2**64 - 9}").json == first

"""What the API tells of one trader: offers, trades, reasons, and how far the payments are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from sql import Kind
from tests.databases import as_role
from tests.web.conftest import Web
from tests.web.solved_turns import insert_solved_turn

NOTHING = {"state": None, "meaning": None, "amount": None, "since": None}
NOW = "2026-03-01T12:00:00+00:00"


@pytest.fixture
def turn(web: Web) -> Web:
    """In turn 5 trader 1 sells 5000 of currency 1 to collector 997, and buys 2500 of currency 2 from collector 999."""
    insert_solved_turn(web.solver, 5)
    return web


def offers(web: Web, creditor_id: int = 1) -> list[dict[str, Any]]:
    response = web.get(f"/trade/turns/5/creditors/{creditor_id}")
    assert response.status_code == 200, response.text
    assert response.json is not None
    items: list[dict[str, Any]] = response.json["items"]
    return items


def sides(web: Web) -> list[tuple[Any, ...]]:
    """What is paid of the sale and of the purchase, and the states of account and collector."""
    payments = [offer["payment"] for offer in offers(web)]
    return [(payment["paidAmount"], payment["account"]["state"], payment["collector"]["state"]) for payment in payments]


def lock(web: Web, debtor_id: int, amount: int, turn_id: int = 5, state: str = "", **fields: Any) -> None:
    """The lock of trader 1 in a currency; `state` are the names of moments that have passed."""
    row: dict[str, Any] = {
        "creditor_id": 1,
        "debtor_id": debtor_id,
        "turn_id": turn_id,
        "collector_id": 997,
        "initiated_at": NOW,
        "amount": amount,
        "collection_deadline": NOW,
        "transfer_id": 1,
        **dict.fromkeys(state.split(), NOW),
    }
    if "released_at" in row:
        row |= {"account_creation_date": "2026-01-01", "account_last_transfer_number": 1}
    insert(web, "account_lock", row | fields)


def insert(web: Web, table: str, row: dict[str, Any]) -> None:
    names = ", ".join(row)
    values = ", ".join(f"%({name})s" for name in row)
    web.worker.execute(f"insert into worker.{table} ({names}) values ({values})".encode(), row)


def collecting(web: Web, **fields: Any) -> None:
    row = {"collector_id": 997, "turn_id": 5, "debtor_id": 1, "creditor_id": 1, "amount": 5000, "purge_after": NOW}
    insert(web, "worker_collecting", row | fields)


def attempt(web: Web, **fields: Any) -> None:
    """The payment of collector 999 to trader 1."""
    row = {
        "collector_id": 999,
        "turn_id": 5,
        "debtor_id": 2,
        "creditor_id": 1,
        "is_dispatching": True,
        "nominal_amount": 2500.0,
        "collection_started_at": NOW,
        "inserted_at": NOW,
    }
    insert(web, "transfer_attempt", row | fields)


def test_a_trader_sees_offers_trades_and_reasons(turn: Web) -> None:
    found = turn.get("/trade/turns/5/creditors/1").json
    assert found is not None
    assert {name: found[name] for name in ("type", "creditorId", "signedCreditorId", "offers", "next")} == {
        "type": "TurnTrader",
        "creditorId": "1",
        "signedCreditorId": "1",
        "offers": 2,
        "next": None,
    }
    assert (found["givenValue"], found["takenValue"]) == (5000.0, 5000.0)
    sale, purchase = found["items"]
    assert (sale["debtorId"], sale["name"], sale["abbreviation"], sale["isSell"]) == ("1", "Regio", "RGO", True)
    assert (sale["amount"], sale["tradedAmount"], sale["collectorId"], sale["why"]) == (5000, 5000, "997", None)
    assert (purchase["amount"], purchase["tradedAmount"], purchase["price"]) == (20000, 2500, 2.0)
    assert purchase["why"] == "You wanted 20,000, and 2,500 were traded: in exchange you gave all that you offered."
    (too_small, _) = offers(turn, 4)
    assert too_small["why"] == "You offered 900; the smallest trade is 1,000."
    assert (too_small["reason"], too_small["tradedAmount"], too_small["payment"]) == ("below minimum", 0, None)
    nobody = turn.get("/trade/turns/5/creditors/77")
    assert (nobody.status_code, "No offer of this trader" in nobody.text) == (404, True)


def test_offers_come_in_pages(turn: Web) -> None:
    first = turn.get("/trade/turns/5/creditors/1?limit=1").json
    assert first is not None
    second = turn.get(first["next"]).json
    assert second is not None
    assert [*first["items"], *second["items"]] == offers(turn)
    assert (first["offers"], second["next"]) == (2, None)


def test_payments_are_followed_by_the_locks_of_the_traders_own_shard(turn: Web) -> None:
    assert [side[:2] for side in sides(turn)] == [(None, "forgotten"), (None, "forgotten")]
    lock(turn, 1, -5000)
    lock(turn, 2, 2500, has_been_revised=True)
    assert [side[:2] for side in sides(turn)] == [(0, "locked"), (0, "waiting")]
    turn.worker.execute("update worker.account_lock set has_been_revised = true, finalized_at = %s", (NOW,))
    assert [side[:2] for side in sides(turn)] == [(0, "committed"), (0, "committed")]
    turn.worker.execute("delete from worker.account_lock")
    lock(turn, 1, -5000, state="finalized_at released_at", paid_amount=-5000)
    lock(turn, 2, 2500, state="finalized_at released_at", paid_amount=2499)
    assert [side[:2] for side in sides(turn)] == [(5000, "paid"), (2499, "paid")]
    assert offers(turn)[1]["payment"]["account"] == {
        "visibility": "visible",
        "state": "paid",
        "meaning": "The payment was made.",
        "amount": 2499,
        "since": NOW,
    }
    turn.worker.execute("update worker.account_lock set turn_id = 6")
    assert [side[:2] for side in sides(turn)] == [(None, "reused"), (None, "reused")]


def test_a_trader_who_is_the_collector_is_paid_nothing(turn: Web) -> None:
    lock(turn, 1, -5000, state="finalized_at released_at")
    assert sides(turn)[0][1] == "the same account"


def test_payments_are_followed_by_the_collectors_shards(turn: Web) -> None:
    assert sides(turn) == [(None, "forgotten", "nothing open"), (None, "forgotten", "nothing open")]
    collecting(turn)
    row = {"collector_id": 999, "turn_id": 5, "debtor_id": 2, "creditor_id": 1, "amount": 2500, "purge_after": NOW}
    insert(turn, "worker_dispatching", row)
    assert sides(turn) == [(0, "forgotten", "expected"), (None, "forgotten", "owed")]
    turn.worker.execute("update worker.worker_collecting set collected = true")
    attempt(turn)
    assert sides(turn) == [(5000, "forgotten", "arrived"), (None, "forgotten", "ordered")]
    attempted = {"attempted_at": NOW, "recipient": "x", "coordinator_request_id": 1, "final_interest_rate_ts": NOW}
    for state, fields in {
        "under way": {},
        "to be repeated": {"failure_code": 4, "rescheduled_for": NOW},
        "failed": {"failure_code": 0, "fatal_error": "UNEXPECTED_COMMITTED_AMOUNT"},
        "in doubt": {"held_at": NOW, "held_until": NOW},
    }.items():
        turn.worker.execute("delete from worker.transfer_attempt")
        attempt(turn, amount=2490, **attempted, **fields)
        assert sides(turn)[1] == (None, "forgotten", state)
        assert offers(turn)[1]["payment"]["collector"]["amount"] == 2490
    turn.worker.execute("update worker.transfer_attempt set turn_id = 6")
    turn.worker.execute("update worker.worker_collecting set creditor_id = 2")
    assert [side[2] for side in sides(turn)] == ["nothing open", "owed"]


def test_what_other_shards_know_is_not_visible_here(turn: Web) -> None:
    """A shard in which neither the trader nor the collectors are, although it has rows of them: it was split."""
    lock(turn, 1, -5000)
    collecting(turn)
    turn.worker.execute("update worker.configuration set realm_mask = -1, realm = 7")
    for offer in offers(turn):
        assert offer["payment"] == {
            "paidAmount": None,
            "account": {"visibility": "not visible here", **NOTHING},
            "collector": {"visibility": "not visible here", **NOTHING},
        }


def test_databases_that_are_down_hide_no_others(
    turn: Web, make_client: Callable[..., FlaskClient], new_database: Callable[[Kind], str]
) -> None:
    info = turn.worker.info
    worker = f"postgresql://{info.user}@{info.host}:{info.port}/{info.dbname}"
    solver = f"postgresql://{turn.solver.info.user}@{info.host}:{info.port}/{turn.solver.info.dbname}"
    down = "postgresql://nobody@127.0.0.1:1/none"
    lock(turn, 1, -5000)

    def visibilities(*urls: str) -> list[str]:
        variables = {"APP_WORKER_POSTGRES_URLS": " ".join(urls)} if urls else {}
        turn.client = make_client(SOLVER_POSTGRES_URL=as_role(solver, "operator"), **variables)
        payment = offers(turn)[0]["payment"]
        return [payment[side]["visibility"] for side in ("account", "collector")]

    assert visibilities(down, as_role(worker, "operator")) == ["visible", "visible"]
    assert visibilities(down) == ["not reachable now", "not reachable now"]
    assert visibilities() == ["not visible here", "not visible here"]

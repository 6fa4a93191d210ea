"""How far shards got with a turn: what they say themselves, and what the solver last heard."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import flask
import pytest

from admin.web.database import Database
from admin.web.services import services_of
from admin.web.shard_progress import STEP_NAMES, ShardProgress, of_database, of_report, shard_progress
from tests.sql.turns.rows import insert, insert_worker_turn
from tests.web.conftest import Web

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
AT_WORK: dict[str, Any] = {
    "phase": 2,
    "subphase": 0,
    "is_lost": False,
    "lanes": 16,
    "finished_lanes": 4,
    "ships_at": None,
    "collectors_at_work": 0,
    "sellers_to_pay": 0,
    "collectors_to_pay": 0,
    "payments_to_make": 0,
    "held_payments": 0,
}


def states(progress: ShardProgress) -> list[str]:
    return [cell.state for cell in progress.cells]


def test_a_shard_at_work_says_how_much_is_done() -> None:
    progress = of_database("#", 0, AT_WORK, 2)
    assert states(progress) == ["done", "now", "open", "open", "open", "open"]
    assert progress.cells[1].part == 0.25
    assert progress.waits_for == "It is at work: 4 of 16 lanes are done."


@pytest.mark.parametrize(
    ("row", "phase", "waits_for", "expected"),
    [
        (None, 1, "It has not heard of this turn.", ["open"] * 6),
        ({"phase": 1, "subphase": 0}, 1, "It is at work.", ["now"] + ["open"] * 5),
        ({"phase": 1, "subphase": 10}, 1, "It waits for phase 2 to begin.", ["done"] + ["open"] * 5),
        ({"phase": 1, "subphase": 10}, 2, "It is about to take over the next phase.", ["done"] + ["open"] * 5),
        (
            {"subphase": 5, "ships_at": NOW},
            2,
            "It ships its offers from 2026-03-01 12:00 UTC on, or is about to.",
            ["done", "done", "now", "open", "open", "open"],
        ),
        ({"subphase": 10}, 2, "It waits for phase 3 to begin.", ["done"] * 3 + ["open"] * 3),
        ({"phase": 3, "is_lost": True, "subphase": 10}, 3, "The result of this turn is lost for it.", ["done"] * 6),
        (
            {"phase": 3, "subphase": 10, "sellers_to_pay": 1234, "held_payments": 2},
            3,
            "It waits for 1\N{THIN SPACE}234 sellers' payments to come in, 2 payments in doubt to be decided.",
            ["done"] * 5 + ["now"],
        ),
        (
            {"phase": 3, "subphase": 10, "collectors_at_work": 3},
            3,
            "3 of its collectors still move money.",
            ["done"] * 5 + ["now"],
        ),
        ({"phase": 3, "subphase": 10}, 4, "Nothing: it is done.", ["done"] * 6),
    ],
)
def test_what_a_shard_waits_for(row: dict[str, Any] | None, phase: int, waits_for: str, expected: list[str]) -> None:
    progress = of_database("#", 0, None if row is None else AT_WORK | row, phase)
    assert (progress.waits_for, states(progress)) == (waits_for, expected)
    assert len(progress.cells) == len(STEP_NAMES)


@pytest.mark.parametrize(
    ("last", "waits_for", "expected"),
    [
        ((None, None, None), "It has not heard of this turn. The solver heard so 2 h ago.", ["open"] * 6),
        ((7, 2, 10), "It waits for phase 3 to begin. The solver heard so 2 h ago.", ["done"] * 3 + ["open"] * 2),
        ((7, 3, 10), "The solver heard so 2 h ago.", ["done"] * 5),
        ((8, 1, 0), "It works on turn 8. The solver heard so 2 h ago.", ["done"] * 5),
        ((6, 3, 10), "It has not heard of this turn. The solver heard so 2 h ago.", ["open"] * 6),
    ],
)
def test_of_other_shards_the_solver_tells(last: tuple[Any, ...], waits_for: str, expected: list[str]) -> None:
    row = dict(zip(("last_turn_id", "last_turn_phase", "last_turn_subphase"), last, strict=True))
    progress = of_report({"binding_key": "0.#", "last_seen_at": NOW - timedelta(hours=2), **row}, 7, 2, NOW)
    assert (progress.waits_for, states(progress)[: len(expected)]) == (waits_for, expected)


@pytest.fixture
def context(web: Web) -> Iterator[flask.Flask]:
    with web.client.application.app_context():
        yield web.client.application


def test_shards_are_looked_into_with_the_rights_of_an_operator(web: Web, context: flask.Flask) -> None:
    insert_worker_turn(web.worker, 3, 10, turn_id=7)
    key = {"collector_id": 2**40, "turn_id": 7, "debtor_id": 1}
    insert(
        web.worker,
        "worker.worker_collecting",
        *({**key, "creditor_id": n, "amount": 5, "collected": n == 1, "purge_after": NOW} for n in (1, 2, 3)),
    )
    with services_of(context).solver.transaction() as solver:
        (progress,) = shard_progress(solver, 7, 3)
        (other,) = shard_progress(solver, 8, 1)
    assert progress.waits_for == "It waits for 2 sellers' payments to come in."
    assert progress.cells[-1].text == "2 payments open"
    assert other.waits_for == "It has not heard of this turn."


def test_a_database_that_is_down_hides_nothing_else(
    web: Web, context: flask.Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("admin.web.database.WAIT_SECONDS", 0.2)
    services = services_of(context)
    down = Database("postgresql://nobody@127.0.0.1:1/none", 1)
    monkeypatch.setattr(type(services), "workers", (down, *services.workers), raising=False)
    object.__setattr__(services, "workers", (down, *services.workers))
    with services.solver.transaction() as solver:
        first, second = shard_progress(solver, 7, 3)
    assert first.waits_for == "Its database does not answer."
    assert second.worker == 1

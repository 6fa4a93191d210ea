"""What the dashboard says is wrong, and what it advises."""

from __future__ import annotations

from collections.abc import Callable

import flask
import pytest
from flask.testing import FlaskClient

from admin.web.health_advice import Advice, health_advice
from admin.web.services import services_of
from tests.web.conftest import Web
from tests.web.rows import insert_turn, set_aside


@pytest.fixture
def advice(web: Web) -> Callable[[], list[Advice]]:
    application: flask.Flask = web.client.application

    def ask() -> list[Advice]:
        with application.app_context(), services_of(application).solver.transaction() as solver:
            return health_advice(solver)

    return ask


def test_where_nothing_is_wrong_nothing_is_said(web: Web, advice: Callable[[], list[Advice]]) -> None:
    assert advice() == []
    assert "Nothing is wrong." in web.get("/trade/dashboard/").text


def test_each_problem_comes_with_what_to_do(web: Web, advice: Callable[[], list[Advice]]) -> None:
    insert_turn(web.solver, 1, phase=2, deadline="2026-03-01T12:00:00Z")
    set_aside(web.worker, {"type": "UpdatedFlags"})
    web.worker.execute("insert into pgmq.q_inbox_3 (vt, message, enqueued_at) values ('-infinity', '{}', '2026-03-01')")
    web.solver.execute("select solver.notice_step_back('it was promoted')")
    web.solver.execute(
        "insert into solver.shard (binding_key, system_identifier, timeline_id, database_id, release,"
        " min_collector_id, max_collector_id, clock_difference, first_seen_at, last_seen_at)"
        " values ('#', 1, 1, 1, '1', 1, 2, 7, now() - interval '1 day', now() - interval '3 hours')"
    )
    web.worker.execute("update worker.configuration set binding_key = '#'")
    problems = " ".join(one.problem for one in advice())
    for text in (
        "Turn 1 should have left phase 2",
        "The solver's database has stepped back in time (it was promoted)",
        "Worker 0 (#) has not moved a turn for 3 h: its database answers, its worker does not.",
        "the clock of #",
        "1 messages could not be applied.",
        "messages have waited to be applied for",
    ):
        assert text in problems, (text, problems)
    assert all(one.advice for one in advice())
    page = web.get("/trade/dashboard/").text
    assert "Decide about them." in page


def test_a_worker_whose_database_is_down_is_named(
    make_client: Callable[..., FlaskClient], web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("admin.web.database.WAIT_SECONDS", 0.2)
    client = make_client(
        SOLVER_POSTGRES_URL=services_of(web.client.application).config.solver_postgres_url,
        APP_WORKER_POSTGRES_URLS="postgresql://nobody@127.0.0.1:1/none",
    )
    page = client.get("/trade/dashboard/", headers={"Authorization": "Bearer superuser"}).text
    assert "Worker 0 can not be looked into: its database does not answer." in page.replace("&#39;", "'")

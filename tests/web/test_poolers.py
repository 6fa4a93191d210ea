"""The Web API behind PgBouncer in its transaction mode."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask.testing import FlaskClient

from tests.conftest import Connection
from tests.pooler import Pooler
from tests.web.conftest import Web
from tests.web.introspection_server import IntrospectionServer
from tests.web.rows import insert_turn, set_aside


@pytest.fixture
def pooled(
    web: Web, tokens: IntrospectionServer, start_pooler: Callable[..., Pooler], make_client: Callable[..., FlaskClient]
) -> Web:
    """The whole API, with a pooler between it and its databases, of which others take sessions, too."""
    shared = start_pooler("transaction", default_pool_size="2", server_round_robin="1")

    def through(connection: Connection) -> str:
        info = connection.info
        return shared.url(f"postgresql://{info.user}@{info.host}:{info.port}/{info.dbname}")

    client = make_client(SOLVER_POSTGRES_URL=through(web.solver), APP_WORKER_POSTGRES_URLS=through(web.worker))
    return Web(client, tokens, web.solver, web.worker)


def test_everything_is_answered(pooled: Web) -> None:
    insert_turn(pooled.solver, 1)
    message = set_aside(pooled.worker, {"type": "AccountUpdate"})
    for _ in range(10):
        for path in (
            "turns/",
            "turns/1",
            "collectors/",
            "collectors/1/",
            "queues/",
            "set-aside/0/",
            "dashboard/",
            "dashboard/turns/",
        ):
            assert pooled.get(f"/trade/{path}").status_code == 200, path
    assert pooled.post("/trade/collectors/1/activate", json={"numberOfAccounts": 3}).status_code == 204
    assert pooled.post(f"/trade/set-aside/0/{message}/discard").status_code == 204
    assert pooled.solver.execute("select count(*) from solver.collector_account").fetchone() == (3,)


def test_many_ask_at_once(pooled: Web) -> None:
    with ThreadPoolExecutor(4) as threads:
        found = [threads.submit(pooled.get, "/trade/turns/") for _ in range(40)]
        assert {answer.result().status_code for answer in found} == {200}


def test_moments_and_numbers_do_not_depend_on_who_had_the_session_before(pooled: Web) -> None:
    insert_turn(pooled.solver, 1)
    moments = {pooled.get("/trade/turns/1").json["startedAt"] for _ in range(10)}  # type: ignore[index]
    assert moments == {"2026-03-01T10:00:00+00:00"}

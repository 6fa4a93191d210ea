"""Behind PgBouncer: what works in its transaction mode, and who says that he needs more."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from sandbox.servers.installation import Environment, run
from service.loop import Listener
from service.watching.figures import Figures
from sql import Kind
from sql.connections import SharedSession, connect, short_transaction
from tests.pooler import Pooler

SHARING = {
    "the usual": {},
    "by turns": {"server_round_robin": "1"},
    "one": {"default_pool_size": "1"},
    "many": {"default_pool_size": "20", "min_pool_size": "10"},
}


@pytest.fixture
def urls(new_database: Callable[[Kind], str]) -> dict[Kind, str]:
    return {"solver": new_database("solver"), "worker": new_database("worker")}


@pytest.mark.parametrize("sharing", SHARING)
def test_sessions_that_are_shared_are_noticed(
    start_pooler: Callable[..., Pooler], urls: dict[Kind, str], sharing: str
) -> None:
    shared = start_pooler("transaction", **SHARING[sharing])
    for _ in range(3):
        with pytest.raises(SharedSession) as caught:
            connect(shared.url(urls["worker"]), "test")
        assert str(caught.value).count("\n") == 0
        assert "pool_mode = session" in str(caught.value)


def test_sessions_that_are_shared_are_noticed_while_others_work(
    start_pooler: Callable[..., Pooler], urls: dict[Kind, str]
) -> None:
    url = start_pooler("transaction").url(urls["worker"])

    def ask(_: int) -> None:
        with short_transaction(url, "other", 10.0) as connection:
            connection.execute("select pg_sleep(0.01)")

    with ThreadPoolExecutor(4) as threads:
        others = [threads.submit(ask, number) for number in range(200)]
        for _ in range(5):
            with pytest.raises(SharedSession):
                connect(url, "test")
        for other in others:
            other.result()


def test_whoever_is_refused_leaves_nothing_behind(start_pooler: Callable[..., Pooler], urls: dict[Kind, str]) -> None:
    url = start_pooler("transaction", default_pool_size="1").url(urls["worker"])
    with pytest.raises(SharedSession):
        connect(url, "test")
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
        changed = connection.execute("select name from pg_settings where source = 'session'").fetchall()
        locks = connection.execute("select count(*) from pg_locks where locktype = 'advisory'").fetchone()
    # PgBouncer passes these on for its clients.
    assert {name for (name,) in changed} <= {"application_name", "client_encoding", "DateStyle", "TimeZone"}
    assert locks == (0,)


def test_a_session_of_one_s_own_is_enough(start_pooler: Callable[..., Pooler], urls: dict[Kind, str]) -> None:
    url = start_pooler("session").url(urls["worker"])
    with connect(url, "test") as listening, connect(url, "test") as sending:
        assert listening.execute("show timezone").fetchone() == ("UTC",)
        Listener(listening, ["worker_inbox"])
        sending.execute("notify worker_inbox")
        assert [notice.channel for notice in listening.notifies(timeout=5.0, stop_after=1)] == ["worker_inbox"]


def refused(environment: Environment, *arguments: str) -> str:
    """The one line with which a command ends."""
    done = run(environment, *arguments)
    assert done.returncode == 1, done.stdout
    lines = [line for line in done.stdout.splitlines() if "pool_mode = session" in line]
    assert "Traceback" not in done.stdout
    return lines[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        ["roll_transfers", "--quit-early"],
        ["consume_messages"],
        ["roll_worker_turns", "--quit-early"],
        ["configure"],
        ["pending"],
    ],
    ids=lambda command: command[0],
)
@pytest.mark.parametrize("kind", ["solver", "worker"])
def test_whoever_needs_a_session_ends_with_one_line(
    start_pooler: Callable[..., Pooler], environment: Environment, command: list[str], kind: Kind
) -> None:
    name = f"{kind.upper()}_POSTGRES_URL"
    if (command[0], kind) != ("pending", "solver"):
        shared = {name: start_pooler("transaction").url(environment[name])}
        assert f"database {environment[name].rpartition('/')[2]}" in refused(environment | shared, *command)


@pytest.mark.slow
@pytest.mark.parametrize("command", [["roll_turns", "--quit-early"], ["shards"]], ids=lambda command: command[0])
def test_so_does_whoever_works_for_the_solver(
    start_pooler: Callable[..., Pooler], environment: Environment, command: list[str]
) -> None:
    shared = {"SOLVER_POSTGRES_URL": start_pooler("transaction").url(environment["SOLVER_POSTGRES_URL"])}
    assert refused(environment | shared, *command)


@pytest.mark.slow
def test_a_worker_works_with_sessions(start_pooler: Callable[..., Pooler], environment: Environment) -> None:
    sessions = start_pooler("session", default_pool_size="20")
    pooled = {name: sessions.url(environment[name]) for name in ("SOLVER_POSTGRES_URL", "WORKER_POSTGRES_URL")}
    for command in ("configure", "roll_worker_turns --quit-early", "roll_turns --quit-early", "scan_all --quit-early"):
        done = run(environment | pooled, *command.split())
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("sharing", SHARING)
@pytest.mark.parametrize("role", ["solver", "worker"])
def test_metrics_come_through_a_pooler(
    start_pooler: Callable[..., Pooler], urls: dict[Kind, str], sharing: str, role: Kind
) -> None:
    figures = Figures(role, start_pooler("transaction", **SHARING[sharing]).url(urls[role]))
    for _ in range(3):
        found = {sample.name: sample.value for metric in figures.collect() for sample in metric.samples}
        assert found["swpt_trade_database_up"] == 1.0
        assert len(found) >= 5

"""Loops over a server that becomes read-only for a while, or that a standby replaces, go on by themselves."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest

from sandbox.servers.installation import eventually
from sandbox.servers.postgres import PrivateServer
from service import binding
from service.loop import Stop
from service.loops import Part, run_loops
from service.parts import fetch, turns
from service.watching.figures import Figures
from settings.config import Config
from sql import KINDS
from sql.connections import connect
from sql.install import configure
from tests.settings.environments import load_with
from tests.standby import standby_of

# Those that write in every round.
WORKER_PARTS = {"documents": fetch.part, "turns": turns.worker_part}
PERIODS = {
    "HTTP_FETCH_PERIOD": "0.1",
    "APP_ROLL_WORKER_TURNS_WAIT": "0.1",
}


class Record:
    """What the loops say of themselves."""

    def __init__(self) -> None:
        self.news: list[str] = []

    def on_step(self, name: str, count: int, seconds: float) -> None:
        self.news.append("")

    def on_failure(self, name: str, error: Exception) -> None:
        self.news.append(error.sqlstate or "lost" if isinstance(error, psycopg.Error) else repr(error))

    def close(self) -> None:
        pass

    def will_be(self, *outcomes: str) -> None:
        """Waits until one of these comes after what is known now."""
        self.news.clear()
        eventually(lambda: any(outcome in self.news for outcome in outcomes), f"{outcomes}")


@pytest.fixture(scope="module")
def server() -> Iterator[PrivateServer]:
    with PrivateServer() as running:
        set_up(running)
        yield running


def set_up(server: PrivateServer) -> None:
    with server.admin() as admin:
        for kind in KINDS:
            admin.execute(f"create database {kind}".encode())
            with server.admin(kind) as connection:
                configure(connection, kind)
    with server.admin("solver") as solver, server.admin("worker") as worker:
        binding.bind(worker, binding.make_installation(solver), "#")


def config_of(url: Callable[[str], str]) -> Config:
    return load_with("worker", SOLVER_POSTGRES_URL=url("solver"), WORKER_POSTGRES_URL=url("worker"), **PERIODS)


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Part], Record]]:
    """Call it with a part to have it run to the end of the test."""
    stop = Stop()
    threads = []

    def start(part: Part) -> Record:
        record = Record()
        monkeypatch.setattr("service.loops.start_recording", lambda *_: record)
        threads.append(threading.Thread(target=run_loops, args=(part, stop)))
        threads[-1].start()
        return record

    yield start
    stop.request()
    for thread in threads:
        thread.join(30.0)
        assert not thread.is_alive()


def prefer(server: PrivateServer, what: str) -> None:
    with server.admin() as admin:
        admin.execute(f"alter system {what}".encode())
        admin.execute("select pg_reload_conf()")


@pytest.mark.parametrize("name", WORKER_PARTS)
def test_a_server_that_is_read_only_for_a_while(
    server: PrivateServer, running: Callable[[Part], Record], name: str
) -> None:
    record = running(WORKER_PARTS[name](config_of(server.database_url), False))
    record.will_be("")
    prefer(server, "set default_transaction_read_only = on")
    try:
        record.will_be("25006")
        assert up(server.database_url("worker")) == 1.0
    finally:
        prefer(server, "reset default_transaction_read_only")
    record.will_be("")


def test_the_solver_of_a_server_that_is_read_only_for_a_while(
    server: PrivateServer, running: Callable[[Part], Record]
) -> None:
    config = load_with("solver", SOLVER_POSTGRES_URL=server.database_url("solver"), TURN_CHECK_INTERVAL="0.1")
    record = running(turns.solver_part(config, False))
    record.will_be("")
    prefer(server, "set default_transaction_read_only = on")
    try:
        record.will_be("25006")
    finally:
        prefer(server, "reset default_transaction_read_only")
    record.will_be("")


def up(url: str) -> float:
    samples: dict[str, Any] = {s.name: s.value for metric in Figures("worker", url).collect() for s in metric.samples}
    return float(samples["swpt_trade_database_up"])


@pytest.mark.slow
def test_a_standby_takes_the_place_of_its_primary(running: Callable[[Part], Record]) -> None:
    """Both are in the URL, which wants the one that can be written to."""
    with PrivateServer() as primary:
        set_up(primary)
        with standby_of(primary) as standby:

            def url(database: str) -> str:
                ports = f"127.0.0.1:{primary.settings['port']},127.0.0.1:{standby.port}"
                return f"postgresql://postgres@{ports}/{database}?target_session_attrs=read-write"

            record = running(turns.worker_part(config_of(url), False))
            record.will_be("")
            primary.terminate()
            record.will_be("lost", "57P01")
            standby.promote()
            record.will_be("")
            with closing(connect(url("worker"), "test")) as worker:
                assert worker.info.port == standby.port

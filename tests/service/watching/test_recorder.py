"""What processes record, and what the metrics server makes of it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipelines import hook
from service.serving.wsgi_server import WsgiServer
from service.watching.figures import Figures
from service.watching.server import HEALTH, application
from sql import Kind
from tests.databases import as_role, connection_to

# Another process, because the metrics library looks for its directory when it is imported.
_PROGRAM = """
import sys
from pipelines import hook
from service.watching.recorder import start_recording

recorder = start_recording("flush_all", 2.0)
assert recorder is not None
recorder.on_step("flush_all", 40, 0.25)
recorder.on_step("flush_all", 0, 0.001)
recorder.on_failure("flush_all", OSError("no amqp://guest:s3cret@host"))
recorder.on_failure("flush_all", OSError("no amqp://guest:s3cret@host"))
if "recovered" in sys.argv:
    recorder.on_step("flush_all", 1, 0.25)
hook.tell("sent", "TriggerTransfer", 30)
hook.tell("sent", "PrepareTransfer")
hook.tell("repeated", amount=2)
if "solved" in sys.argv:
    from pipelines.solver.report import Report

    report = Report(
        traded_value=None, upper_bound=1000.0, share_of_bound=0.75, traders_served=3, traders=4, offers=5, takings=6,
        givings=7, collector_transfers=8, left_out={}, untraded={}, warnings=[], seconds={"match": 1.5},
        peak_memory_bytes=2**20,
    )
    hook.tell_solved(report)
if "closed" in sys.argv:
    recorder.close()
"""


def record(path: Path, *arguments: str) -> None:
    """Lets a process record, and end."""
    subprocess.run(
        [sys.executable, "-c", _PROGRAM, *arguments],
        env={**os.environ, "APP_METRICS_DIR": str(path)},
        check=True,
        timeout=60,
    )


@contextmanager
def served(path: Path, figures: Figures | None = None) -> Iterator[Callable[[str], tuple[int, str]]]:
    """A running metrics server; call with a path to get status and body."""
    server = WsgiServer("127.0.0.1", 0, application(path, figures), [HEALTH])
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def get(url: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{url}", timeout=30) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    try:
        yield get
    finally:
        server.shutdown()
        thread.join()


def samples(text: str) -> dict[tuple[Any, ...], float]:
    """The value of each sample, by its name and the values of its labels."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_counters_of_all_processes_are_added_up(tmp_path: Path) -> None:
    record(tmp_path)
    record(tmp_path, "recovered", "solved", "closed")
    with served(tmp_path) as get:
        status, text = get("/metrics")
    assert status == 200
    found = samples(text)
    assert found["swpt_trade_messages_total", "sent", "TriggerTransfer"] == 60
    assert found["swpt_trade_messages_total", "sent", "PrepareTransfer"] == 2
    assert found["swpt_trade_repeated_transactions_total",] == 4
    # Rounds that had nothing to do would hide the others.
    assert found["swpt_trade_step_seconds_count", "flush_all"] == 3
    assert found["swpt_trade_step_seconds_sum", "flush_all"] == 0.75
    assert found["swpt_trade_step_items_sum", "flush_all"] == 81
    failures = {key: value for key, value in found.items() if key[0] == "swpt_trade_step_failures_total"}
    assert list(failures.values()) == [4]
    assert set(next(iter(failures))) == {"swpt_trade_step_failures_total", "flush_all", "OSError"}
    assert found["swpt_trade_reconnects_total", "flush_all"] == 1
    assert found["swpt_trade_solver_share_of_bound_ratio",] == 0.75
    assert found["swpt_trade_solver_gap_ratio",] == 0.25
    assert found["swpt_trade_solver_seconds", "match"] == 1.5
    assert found["swpt_trade_solver_traded_value",] != found["swpt_trade_solver_traded_value",]
    # Of those two processes one ended as it should, the other one did not.
    assert found["swpt_trade_process_healthy", "flush_all"] == 0


def test_health_tells_what_is_wrong(tmp_path: Path) -> None:
    with served(tmp_path) as get:
        assert get("/health")[0] == 503
        record(tmp_path, "closed")
        assert get("/health")[0] == 503
        record(tmp_path)
        status, text = get("/health")
        assert status == 503
        (process,) = json.loads(text)["processes"]
        assert (process["process"], process["healthy"], process["problem"]) == ("flush_all", False, "has died")
        assert set(process) == {"process", "healthy", "problem", "lastSuccess"}
        assert "host" not in text
        assert get("/health/flush_all") == (status, text)
        assert get("/health/scan_all")[0] == 503
        assert get("/")[0] == 404


def test_health_of_a_running_server(tmp_path: Path) -> None:
    record(tmp_path)
    (dead,) = tmp_path.glob("*.heartbeat")
    mine = json.loads(dead.read_bytes()) | {"pid": os.getpid()}
    mine["started_at"] += 1
    (tmp_path / f"flush_all.{os.getpid()}.heartbeat").write_text(json.dumps(mine))
    with served(tmp_path) as get:
        status, text = get("/health")
    assert status == 200
    assert [process["process"] for process in json.loads(text)["processes"]] == ["flush_all"]
    # The dead one has been replaced.
    assert not dead.exists()


def test_only_questions_are_answered(tmp_path: Path) -> None:
    statuses: list[str] = []
    answer = application(tmp_path, None)({"REQUEST_METHOD": "POST"}, lambda status, _headers: statuses.append(status))
    assert statuses == ["405 Method Not Allowed"]
    assert b"only GET" in b"".join(answer)


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        (
            "worker",
            {
                ("swpt_trade_queue_messages", "inbox", "inbox_3", ""): 0,
                ("swpt_trade_queue_oldest_seconds", "outbox", "out_prepare_transfer", "PrepareTransfer"): 0,
                ("swpt_trade_queue_messages", "set_aside", "set_aside", ""): 1,
                ("swpt_trade_worker_turns_open",): 0,
            },
        ),
        ("solver", {("swpt_trade_turns_open",): 0, ("swpt_trade_turn_overdue_seconds",): 0}),
    ],
)
def test_figures_of_the_database(
    tmp_path: Path, new_database: Callable[[Kind], str], role: Kind, expected: dict[tuple[Any, ...], float]
) -> None:

    url = new_database(role)
    if role == "worker":
        with connection_to(url, autocommit=False) as connection:
            connection.execute(
                "insert into worker.set_aside (queue, body, sqlstate, error, failures, set_aside_at)"
                " values ('inbox_0', '{}', '22003', 'x', 2, now())"
            )
    with served(tmp_path, Figures(role, as_role(url, "reader"))) as get:
        found = samples(get("/metrics")[1])
    assert found["swpt_trade_database_up", role] == 1
    assert expected.items() <= found.items()


def test_a_database_of_another_shard_is_noticed(tmp_path: Path, new_database: Callable[[Kind], str]) -> None:
    """Bound anew while a server runs beside it, or reached by an address that leads elsewhere since then."""
    url = new_database("worker")
    with connection_to(url) as connection:
        connection.execute("select worker.bind_identity(gen_random_uuid(), '0.#', true)")
    for key, expected in (("0.#", 0), ("1.#", 1)):
        with served(tmp_path, Figures("worker", as_role(url, "reader"), key)) as get:
            assert samples(get("/metrics")[1])["swpt_trade_wrong_identity",] == expected


def test_a_database_that_is_down_is_a_figure_too(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    record(tmp_path, "closed")
    with served(tmp_path, Figures("worker", "postgresql://me:s3cret@127.0.0.1:1/none")) as get:
        status, text = get("/metrics")
    assert status == 200
    assert samples(text)["swpt_trade_database_up", "worker"] == 0
    assert ("swpt_trade_messages_total", "sent", "PrepareTransfer") in samples(text)
    assert "no figures of the worker database" in caplog.text
    assert "s3cret" not in caplog.text


def test_nobody_has_to_listen() -> None:
    hook.listen(None)
    hook.tell("sent", "PrepareTransfer", 3)


def test_strangers_learn_of_no_host_and_no_error(tmp_path: Path) -> None:
    record(tmp_path)
    with served(tmp_path, Figures("worker", "postgresql://me:s3cret@db.internal.invalid:1/none")) as get:
        told = [get(path)[1] for path in ("/metrics", "/health", "/health/flush_all", "/")]
    for word in ("internal", "host", "amqp", "s3cret", "guest", "Traceback", str(tmp_path)):
        assert not [text for text in told if word in text], word


def test_health_is_told_when_the_database_does_not_answer(tmp_path: Path) -> None:
    """However many ask for figures that do not come."""
    record(tmp_path, "closed")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        figures = Figures("worker", f"postgresql://me@127.0.0.1:{silent.getsockname()[1]}/none")
        with served(tmp_path, figures) as get:

            def scrape() -> None:
                # The server stops before the answer comes.
                with suppress(OSError):
                    get("/metrics")

            threads = [threading.Thread(target=scrape, daemon=True) for _ in range(10)]
            for thread in threads:
                thread.start()
            assert get("/health")[0] == 503
            assert any(thread.is_alive() for thread in threads)


def test_health_at_an_address_of_version_6(tmp_path: Path) -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        server = WsgiServer("::1", 0, application(tmp_path, None))
    except OSError:
        pytest.skip("no IPv6 here")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        with socket.create_connection(("::1", server.port), 30) as connection:
            connection.sendall(b"GET /health HTTP/1.0\r\n\r\n")
            assert connection.recv(100).startswith(b"HTTP/1.1 503 ")
    finally:
        server.shutdown()
        thread.join()

"""The commands as a user, a supervisor or a container types them."""

from __future__ import annotations

import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from admin.cli import main
from service.watching import heartbeats
from service.watching.heartbeats import Heartbeat, StepNews
from tests.settings.environments import ENVIRONMENTS


def beat(path: Path, pid: int, **steps: StepNews) -> None:
    heartbeats.write(path, Heartbeat("flush_all", pid, time.time(), 300.0, steps))


def test_health_of_all_processes_and_of_one(tmp_path: Path) -> None:
    environ = {"APP_METRICS_DIR": str(tmp_path)}
    beat(tmp_path, os.getpid(), flush_all=StepNews(time.time()))
    well = CliRunner().invoke(main, ["health"], env=environ)
    assert well.exit_code == 0, well.output
    assert [process["process"] for process in json.loads(well.output)] == ["flush_all"]
    assert CliRunner().invoke(main, ["health", "flush_all"], env=environ).exit_code == 0
    assert CliRunner().invoke(main, ["health", "scan_all"], env=environ).exit_code == 1


def test_health_notices_trouble(tmp_path: Path) -> None:
    environ = {"APP_METRICS_DIR": str(tmp_path)}
    beat(tmp_path, os.getpid(), flush_all=StepNews(time.time() - 1000))
    result = CliRunner().invoke(main, ["health"], env=environ)
    assert result.exit_code == 1
    assert "no success for 1000 s" in result.output


@pytest.mark.parametrize("directory", ["", "/nowhere"])
def test_health_needs_a_directory(directory: str) -> None:
    result = CliRunner().invoke(main, ["health"], env={"APP_METRICS_DIR": directory})
    assert result.exit_code == 1
    assert "APP_METRICS_DIR names no directory" in result.output


class _Teapot(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/public" else 418)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def web() -> Iterator[str]:
    """A web server with one good address."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Teapot) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_health_of_a_web_server(web: str) -> None:
    assert CliRunner().invoke(main, ["health", "--url", f"{web}/public"]).exit_code == 0
    assert CliRunner().invoke(main, ["health", "--url", f"{web}/other"]).exit_code == 1
    assert CliRunner().invoke(main, ["health", "--url", "http://127.0.0.1:1/"]).exit_code == 1
    assert CliRunner().invoke(main, ["health", "--url", "file:///etc/passwd"]).exit_code == 1


def test_serve_metrics_wants_a_port(tmp_path: Path) -> None:
    environ = ENVIRONMENTS["worker"] | {"APP_METRICS_DIR": str(tmp_path)}
    result = CliRunner().invoke(main, ["serve_metrics"], env=environ)
    assert result.exit_code == 1
    assert "APP_METRICS_PORT is 0" in result.output


def served(path: Path, *options: str, **environ: str) -> str:
    """What /metrics says of a server with one process, from a command that ends well when it is told to."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    beat(path, os.getpid())
    process = subprocess.Popen(
        [sys.executable, "-m", "admin.cli", "serve_metrics", *options],
        env={**os.environ, **environ, "APP_METRICS_DIR": str(path), "APP_METRICS_PORT": str(port)},
    )
    try:
        ends = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as response:
                    text: str = response.read().decode()
                break
            except OSError:
                assert process.poll() is None
                assert time.monotonic() < ends
                time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
    return text


def test_serve_metrics_until_it_is_told_to_stop(tmp_path: Path) -> None:
    environ = ENVIRONMENTS["solver"] | {"SOLVER_POSTGRES_URL": "postgresql://127.0.0.1:1/none"}
    text = served(tmp_path, "--role", "solver", **environ)
    assert 'swpt_trade_database_up{database="solver"} 0.0' in text
    assert 'swpt_trade_process_healthy{process="flush_all"} 1.0' in text


def test_serve_metrics_beside_a_part_needs_no_database(tmp_path: Path) -> None:
    text = served(tmp_path, "--without-figures")
    assert "swpt_trade_database_up" not in text
    assert 'swpt_trade_process_healthy{process="flush_all"} 1.0' in text

"""Servers work with read-only files, as any user, without a home and without rights: they need one folder."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from sandbox.servers.installation import Environment, command, eventually
from service import writable
from tests.conftest import skip_or_fail
from tests.service.narrow import WRITABLE, is_possible, narrowly

ROOT = Path(__file__).parents[2]


@contextmanager
def running(
    folder: Path, variables: Environment, name: str, place: str = WRITABLE
) -> Iterator[tuple[Path, subprocess.Popen[bytes]]]:
    """A command in narrow circumstances, and what it prints."""
    if not is_possible():
        skip_or_fail("no right to mount folders")
    environ = {key: value for key, value in os.environ.items() if key not in ("TMPDIR", "HOME", "USER")}
    environ |= {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **variables}
    output = folder / f"{name}.log"
    with output.open("w") as file:
        program = [*narrowly(place), *command(*name.split())]
        process = subprocess.Popen(program, env=environ, stdout=file, stderr=subprocess.STDOUT)
    try:
        yield output, process
    finally:
        process.terminate()
        process.wait(60)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["worker", "solver"])
def test_a_server_works_with_one_folder(
    name: str, environment: Environment, tmp_path: Path, free_tcp_port: int
) -> None:
    metrics = {"TMPDIR": WRITABLE, "TURN_CHECK_INTERVAL": "1", "APP_METRICS_PORT": str(free_tcp_port)}
    with running(tmp_path, environment | metrics, name) as (output, process):
        health = f"http://127.0.0.1:{free_tcp_port}/health"

        def is_well() -> bool:
            try:
                processes = httpx.get(health, timeout=5).json()["processes"]
            except httpx.HTTPError:
                return False
            # There is no broker.
            return len(processes) == (8 if name == "worker" else 1) and any(p["lastSuccess"] for p in processes)

        eventually(is_well, "all processes report")
        assert "user ID 12345" in output.read_text()
    assert process.returncode == 0, output.read_text()
    assert "Traceback" not in output.read_text()


@pytest.mark.slow
def test_a_web_server_works_with_one_folder(environment: Environment, tmp_path: Path, free_tcp_port: int) -> None:
    web = {"TMPDIR": WRITABLE, "WEBSERVER_PORT": str(free_tcp_port), "OAUTH2_INTROSPECT_URL": "http://127.0.0.1:1"}

    def is_well() -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{free_tcp_port}/trade/health/check/public").status_code == 200
        except httpx.HTTPError:
            return False

    with running(tmp_path, environment | web, "webserver") as (output, process):
        eventually(is_well, "it answers")
    assert process.returncode == 0, output.read_text()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["configure", "flush_all --quit-early", "pending", "trigger_transfers --quit-early"])
def test_other_commands_need_no_folder(name: str, environment: Environment, tmp_path: Path) -> None:
    with running(tmp_path, environment, name, "") as (output, process):
        # There is no broker, and nothing to send.
        assert process.wait(60) == 0, output.read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "variables", "expected"),
    [
        ("worker", {}, "/tmp can not be written to: "),
        ("webserver", {"OAUTH2_INTROSPECT_URL": "http://x"}, "/tmp can not be written to: "),
        ("worker", {"TMPDIR": "/nowhere"}, "TMPDIR='/nowhere' can not be written to: No such file or directory."),
        ("solver", {"TMPDIR": "/usr"}, "TMPDIR='/usr' can not be written to: Read-only file system."),
    ],
)
def test_a_missing_folder_is_named_in_one_line(
    name: str, variables: dict[str, str], expected: str, environment: Environment, tmp_path: Path
) -> None:
    with running(tmp_path, environment | {"APP_LOG_LEVEL": "warning"} | variables, name, "") as (output, process):
        assert process.wait(60) == 1
    (line,) = output.read_text().splitlines()
    assert ":ERROR:" in line
    assert expected in line
    assert line.endswith("mount a tmpfs at /tmp, or name another folder in TMPDIR")


def test_the_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert writable.check() == tmp_path
    monkeypatch.setenv("TMPDIR", str(tmp_path / "nowhere"))
    with pytest.raises(writable.NotWritable, match="nowhere' can not be written to: No such file or directory"):
        writable.check()

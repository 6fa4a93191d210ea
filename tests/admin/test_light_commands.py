"""No command loads more than it needs: containers that only set up or look have 100 MiB."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox.servers.postgres import PrivateServer
from service.watching import heartbeats
from service.watching.heartbeats import Heartbeat, StepNews
from tests.covering import covers

pytestmark = pytest.mark.slow

HEAVY = {"polars", "numpy", "ortools", "plotly", "flask", "jinja2", "gunicorn", "httpx", "supervisor", "sandbox.demo"}
SETTINGS = {"pydantic", "pydantic_settings", "psycopg", "pika", "pgmq", "rich", "msgspec"}
MEMORY_MIB = 100
CPU_SECONDS = 2.0
"""Half of it is what they may take. The other half is for machines that are slow, or busy with other tests."""
DATABASES = ("light_solver", "light_worker")

# Runs a command, then writes to a file what it has loaded and how large the process was at most.
PROGRAM = """
import atexit, json, re, resource, sys
from pathlib import Path

def tell(path=Path(sys.argv.pop(1))):
    peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
    used = resource.getrusage(resource.RUSAGE_SELF)
    told = {"peak_mib": int(peak[1]) / 1024, "cpu_seconds": used.ru_utime + used.ru_stime}
    path.write_text(json.dumps({"modules": list(sys.modules), **told}))

atexit.register(tell)
from admin.cli import main
main(prog_name="swpt-trade")
"""


@dataclass(frozen=True)
class Run:
    """A command that has ended."""

    modules: set[str]
    peak_mib: float
    cpu_seconds: float
    status: int
    output: str


def run(folder: Path, environment: dict[str, str], *arguments: str) -> Run:
    """Runs a command in a process of its own."""
    told = folder / "told.json"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(told), *arguments],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    result = json.loads(told.read_text())
    return Run(set(result["modules"]), result["peak_mib"], result["cpu_seconds"], done.returncode, done.stdout)


@pytest.fixture
def environment(postgres: PrivateServer, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Two empty databases, and the heartbeat of a process that is well."""
    with postgres.admin() as admin:
        for name in DATABASES:
            admin.execute(f"create database {name}".encode())
    heartbeats.write(tmp_path, Heartbeat("flush_all", os.getpid(), time.time(), 300.0, {"x": StepNews(time.time())}))
    solver, worker = map(postgres.database_url, DATABASES)
    yield {"SOLVER_POSTGRES_URL": solver, "WORKER_POSTGRES_URL": worker, "APP_METRICS_DIR": str(tmp_path)}
    with postgres.admin() as admin:
        for name in DATABASES:
            admin.execute(f"drop database {name} with (force)".encode())


def test_commands_that_set_up_or_look_load_nothing_heavy(environment: dict[str, str], tmp_path: Path) -> None:
    for command in (["configure"], ["configure", "--check"], ["pending"], ["collectors", "held"], ["health"]):
        done = run(tmp_path, environment, *command)
        assert done.status == 0, done.output
        assert not HEAVY & done.modules, command
        assert done.peak_mib < MEMORY_MIB, command


INIT_CONTAINERS = (
    ["configure", "solver"],
    ["configure", "worker"],
    ["configure", "worker"],
    ["await_migrations"],
    ["verify_shard_content"],
)
"""In this order, on empty databases; the second time there is nothing to configure."""


@covers("V14.51")
def test_init_containers_have_little_memory_and_time(environment: dict[str, str], tmp_path: Path) -> None:
    for command in INIT_CONTAINERS:
        only_solver = {"SOLVER_POSTGRES_URL": environment["SOLVER_POSTGRES_URL"]}
        done = run(tmp_path, only_solver if command[-1] == "solver" else environment, *command)
        assert done.status == 0, done.output
        assert not HEAVY & done.modules, command
        assert done.peak_mib < MEMORY_MIB, command
        assert done.cpu_seconds < CPU_SECONDS, command


@pytest.mark.rabbitmq
def test_commands_for_queues_load_nothing_heavy(rabbitmq_url: str, internal_url: str, tmp_path: Path) -> None:
    variables = {
        "PROTOCOL_BROKER_URL": rabbitmq_url,
        "PROTOCOL_BROKER_QUEUE": "light",
        "INTERNAL_BROKER_URL": internal_url,
    }
    for command in ("subscribe", "unsubscribe", "delete_queue"):
        done = run(tmp_path, variables, command)
        assert done.status == 0, done.output
        assert not HEAVY & done.modules, command
        assert done.peak_mib < MEMORY_MIB, command


def test_health_loads_no_settings(environment: dict[str, str], tmp_path: Path) -> None:
    """It runs every half minute in every container."""
    done = run(tmp_path, environment, "health")
    assert done.status == 0, done.output
    assert SETTINGS & done.modules == {"msgspec"}


@pytest.mark.parametrize(
    "command", ["", "configure", "collectors", "solve", "scan_all", "webserver", "demo", "sandbox"]
)
def test_help_loads_nothing_but_the_command_line(command: str, tmp_path: Path) -> None:
    done = run(tmp_path, {}, *command.split(), "--help")
    assert done.status == 0, done.output
    assert not (HEAVY | SETTINGS) & done.modules

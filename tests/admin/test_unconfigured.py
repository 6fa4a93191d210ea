"""Every command that meets a database it can not work with says in one line what to do, and ends."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.servers.installation import Environment, run
from sandbox.servers.postgres import PrivateServer
from sql.scans import SCANS
from tests.settings.environments import ENVIRONMENTS

pytestmark = pytest.mark.slow

WORKERS = [
    ["worker"],
    ["consume_messages"],
    ["consume_internal_messages"],
    ["flush_all"],
    ["flush_configure_accounts"],
    ["fetch_debtor_infos"],
    ["trigger_transfers"],
    ["roll_transfers"],
    ["roll_worker_turns"],
    ["handle_pristine_collectors"],
    ["scan_all"],
    [f"scan_{next(iter(SCANS))}"],
    ["pending"],
    ["serve_metrics"],
    ["collectors", "held"],
    ["collectors", "adopt", "1", "2"],
    ["collectors", "discard", "1", "2"],
    ["load_policies", "--url", "http://127.0.0.1:1/", "--token", "x"],
]
SOLVERS = [
    ["solver"],
    ["webserver"],
    ["roll_turns"],
    ["shards"],
    ["serve_metrics", "--role", "solver"],
    ["collectors", "list"],
    ["collectors", "add", "1"],
    ["collectors", "remove", "1", "2"],
    ["collectors", "block", "1"],
    ["collectors", "unblock", "1"],
]
COMMANDS = [*(("worker", command) for command in WORKERS), *(("solver", command) for command in SOLVERS)]


@pytest.fixture(scope="module")
def empty(postgres: PrivateServer) -> Iterator[dict[str, str]]:
    """URLs of a database without anything in it, of one that does not exist, and so on."""
    with postgres.admin() as admin:
        admin.execute("create database nothing_there")
        admin.execute("create role nobody_special login")
    yield {
        "nothing": postgres.database_url("nothing_there"),
        "no database": postgres.database_url("no_such_database"),
        "no role": postgres.database_url("nothing_there", "no_such_role"),
        "no rights": postgres.database_url("nothing_there", "nobody_special"),
    }
    with postgres.admin() as admin:
        admin.execute("drop database nothing_there with (force)")
        admin.execute("drop role nobody_special")


def environment(role: str, url: str) -> Environment:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    return {
        **ENVIRONMENTS["worker"],
        **ENVIRONMENTS["solver"],
        **ENVIRONMENTS["webserver"],
        "SOLVER_POSTGRES_URL": url,
        "WORKER_POSTGRES_URL": url,
        "APP_METRICS_PORT": port,
    }


def problem_of(text: str) -> str:
    """The one line that says what is wrong; each thread of a process may say so."""
    assert "Traceback" not in text, text
    lines = [line for line in text.splitlines() if "`" in line or "rror" in line or "ERROR" in line]
    problems = {re.sub(r"^.*?(: (?=the )|FATAL: |Error: )", "", line) for line in lines}
    assert len(problems) == 1, text
    return problems.pop()


@pytest.mark.parametrize(("role", "command"), COMMANDS, ids=lambda value: value if isinstance(value, str) else value[0])
def test_a_database_that_is_not_set_up_is_named_with_the_command(
    empty: dict[str, str], role: str, command: list[str], tmp_path: Path
) -> None:
    done = run({**environment(role, empty["nothing"]), "APP_METRICS_DIR": str(tmp_path)}, *command)
    assert done.returncode == 1, done.stdout
    assert "run `swpt-trade configure` first" in problem_of(done.stdout)


@pytest.mark.parametrize("command", [["worker"], ["solver"], ["flush_all"], ["pending"], ["shards"], ["configure"]])
@pytest.mark.parametrize(
    ("what", "remedy"),
    [
        ("no database", '`create database "no_such_database" owner "postgres"`, or correct'),
        ("no role", '`create role "no_such_role" login password …`, or correct'),
    ],
)
def test_what_is_missing_is_named_with_what_makes_it(
    empty: dict[str, str], command: list[str], what: str, remedy: str
) -> None:
    done = run(environment("worker", empty[what]), *command)
    assert done.returncode == 1, done.stdout
    assert remedy in problem_of(done.stdout)


def test_configure_names_the_right_that_it_misses(empty: dict[str, str]) -> None:
    done = run(environment("worker", empty["no rights"]), "configure")
    assert done.returncode == 1, done.stdout
    assert "\n  grant create on database nothing_there to nobody_special;" in done.stdout
    assert "Traceback" not in done.stdout

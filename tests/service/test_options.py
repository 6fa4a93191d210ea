"""What the commands look like: their names, options, help, and what they say of bad settings."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from admin.cli import main
from admin.commands import flushes
from admin.commands.sections import ALL as SECTIONS
from bridge.messages.names import OUTGOING_TYPES
from sandbox.servers.installation import Environment, run
from settings.config import ConfigError, Role, load
from sql.scans import SCANS
from tests.covering import covers
from tests.settings.environments import ENVIRONMENTS

BROKERS = "-u --url -q --queue -U --internal-url -Q --internal-queue"
CONSUMER = "-u --url -q --queue -p --processes -t --threads -s --prefetch-size -c --prefetch-count --draining-mode"
OPTIONS = {
    "roll_turns": "-p --period -o --period-offset -c --check-interval --quit-early",
    "roll_worker_turns": "-w --wait --quit-early",
    "roll_transfers": "-w --wait --quit-early",
    "consume_messages": CONSUMER,
    "consume_internal_messages": CONSUMER,
    "subscribe": BROKERS + " -k --queue-routing-key",
    "unsubscribe": BROKERS + " -k --queue-routing-key",
    "delete_queue": BROKERS,
    "fetch_debtor_infos": "-p --processes -c --connections -t --timeout -w --wait -f --cafile --quit-early",
    "trigger_transfers": "-p --processes -w --wait --quit-early",
    "handle_pristine_collectors": "-t --threads -w --wait --quit-early",
    "worker": "",
    "solver": "",
    "webserver": "",
    **dict.fromkeys([flushes.ALL, *flushes.TYPES], "-p --processes -w --wait --quit-early"),
    **dict.fromkeys([f"scan_{table}" for table in SCANS], "-d --days --quit-early"),
}


@pytest.mark.parametrize("command", OPTIONS)
def test_every_command_has_its_options(command: str) -> None:
    options = {option for parameter in main.commands[command].params for option in parameter.opts}
    assert options == set(OPTIONS[command].split())
    assert CliRunner().invoke(main, [command, "--help"]).exit_code == 0


@covers("C17")
def test_every_type_has_a_command_to_flush_it() -> None:
    assert sorted(flushes.TYPES.values()) == sorted(OUTGOING_TYPES)
    assert {"flush_start_sendings", "flush_start_dispatchings"} <= flushes.TYPES.keys()


def test_the_help_groups_the_commands() -> None:
    text = CliRunner().invoke(main, ["--help"]).output
    titles = [section.title for section in SECTIONS]
    assert [text.index(f"{title}:") for title in titles] == sorted(text.index(f"{title}:") for title in titles)
    assert "Other commands" not in text
    servers = text.split("Servers:")[1].split("\n\n")[0].split("\n")
    assert [line.split()[0] for line in servers if line] == ["worker", "solver", "webserver"]


def test_a_command_without_its_settings_names_all_of_them() -> None:
    result = run({"FLUSH_PERIOD": "fast", "HTTP_FETCH_CONNECTIONS": "0"}, "flush_all")
    assert result.returncode == 1
    for text in (
        "WORKER_POSTGRES_URL is not set",
        "SOLVER_POSTGRES_URL is not set",
        "FLUSH_PERIOD='fast'",
        "HTTP_FETCH_CONNECTIONS='0'",
    ):
        assert text in result.stdout
    assert "Traceback" not in result.stdout


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (("flush_all", "-p", "x"), 2, "not a valid integer"),
        (("flush_all", "-p", "-1"), 1, "FLUSH_PROCESSES='-1': must be at least 0"),
        (("roll_turns", "-p", "5 s"), 1, "TURN_PERIOD='5 s'"),
        (("roll_transfers", "--wait", "-1"), 2, "0<=x"),
        (("scan_account_locks", "--days", "0"), 1, "APP_ACCOUNT_LOCKS_SCAN_DAYS='0.0'"),
    ],
)
def test_bad_options_are_refused(arguments: tuple[str, ...], status: int, text: str) -> None:
    result = CliRunner().invoke(main, arguments, env=ENVIRONMENTS["worker"] | ENVIRONMENTS["solver"])
    assert (result.exit_code, text in result.output) == (status, True), result.output


@covers("C16")
@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("consume_messages", "-t", "0"), "PROTOCOL_BROKER_THREADS='0': must be at least 1"),
        (("handle_pristine_collectors", "-t", "0"), "HANDLE_PRISTINE_COLLECTORS_THREADS='0': must be at least 1"),
    ],
)
def test_no_threads_are_an_error(arguments: tuple[str, ...], text: str) -> None:
    result = CliRunner().invoke(main, arguments, env=ENVIRONMENTS["worker"] | ENVIRONMENTS["solver"])
    assert (result.exit_code, text in result.output) == (1, True), result.output


@covers("C8")
def test_only_prefetch_size_0_is_accepted() -> None:
    result = CliRunner().invoke(main, ["consume_messages", "--prefetch-size", "1"], env=ENVIRONMENTS["worker"])
    assert (result.exit_code, "PROTOCOL_BROKER_PREFETCH_SIZE='1': must be 0" in result.output) == (1, True)


@covers("C6")
@pytest.mark.parametrize("role", ["solver", "worker"])
@pytest.mark.parametrize("variable", ["MAX_DISTANCE_TO_BASE", "APP_TURN_MAX_COMMIT_PERIOD"])
def test_solver_and_workers_read_and_check_the_same_settings(role: Role, variable: str) -> None:
    with pytest.raises(ConfigError, match=variable):
        load(role, ENVIRONMENTS[role] | {variable: "-1"})


@covers("C7")
def test_turns_start_at_two_by_default() -> None:
    assert load("solver", ENVIRONMENTS["solver"]).turn_period_offset.total_seconds() == 7200


@covers("C10")
def test_variables_of_later_releases_are_ignored(environment: Environment) -> None:
    later = dict.fromkeys(
        [
            "TOKEN_INTROSPECTION_CACHE_MAX_COST",
            "APP_SURPLUS_BLOCKING_DELAY_DAYS",
            "APP_COLLECTOR_ACTIVITY_MIN_DAYS",
        ],
        "no such thing",
    )
    result = run(environment | later, "trigger_transfers", "--quit-early")
    assert (result.returncode, "WARNING" in result.stdout) == (0, False), result.stdout


def entrypoint(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", "admin.entrypoint", *arguments]
    return subprocess.run(program, capture_output=True, text=True, timeout=60, cwd=cwd)


@pytest.mark.slow
def test_the_entrypoint_runs_commands() -> None:
    assert "Usage: swpt-trade flush_all" in entrypoint("flush_all", "--help").stdout
    assert "Usage: swpt-trade collectors" in entrypoint("collectors", "--help").stdout
    assert "usage: " in entrypoint("test", "--help").stdout.lower()
    assert "Usage: swpt-trade webserver" in entrypoint("develop-run-flask", "--help").stdout


def test_the_entrypoint_runs_programs() -> None:
    done = entrypoint("sh", "-c", "echo $0 $1; exit 7", "a", "b")
    assert (done.returncode, done.stdout) == (7, "a b\n")
    missing = entrypoint("no-such-program")
    assert (missing.returncode, "no-such-program" in missing.stderr) == (127, True)


def test_the_entrypoint_runs_a_worker_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORKER_POSTGRES_URL", raising=False)
    nothing = entrypoint()
    assert (nothing.returncode, "WORKER_POSTGRES_URL is not set" in nothing.stderr) == (1, True)


def test_kubernetes_may_have_a_service_that_is_called_like_the_web_server(environment: Environment) -> None:
    links = {"WEBSERVER_PORT": "tcp://10.96.0.1:8080", "WEBSERVER_SERVICE_HOST": "10.96.0.1"}
    result = run(environment | links, "trigger_transfers", "--quit-early")
    assert (result.returncode, "WARNING" in result.stdout) == (0, False), result.stdout


def test_a_misspelt_setting_is_told_of_at_the_start(environment: Environment) -> None:
    result = run(environment | {"TRUN_PERIOD": "1d", "APP_LOG_LEVEL": "warning"}, "trigger_transfers", "--quit-early")
    assert result.returncode == 0
    assert (
        "WARNING:admin.commands.options:TRUN_PERIOD is ignored, there is no such setting: is TURN_PERIOD"
        in result.stdout
    )


def test_a_server_finds_its_databases_in_files(environment: Environment, tmp_path: Path) -> None:
    for name in ("SOLVER_POSTGRES_URL", "WORKER_POSTGRES_URL"):
        (tmp_path / name).write_text(f"{environment.pop(name)}\n")
        environment[f"{name}_FILE"] = str(tmp_path / name)
    result = run(environment, "trigger_transfers", "--quit-early")
    assert result.returncode == 0, result.stdout

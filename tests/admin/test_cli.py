"""The commands as a user types them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from admin.cli import main
from admin.commands.solver_progress import SolverProgress
from benchmarks.markets import make_market, save_market
from pipelines.solver.progress import Progress
from sandbox.servers.postgres import PrivateServer
from tests.covering import covers

SOLVER_STEPS = ["load", "price", "bound", "match", "settle", "collectors", "check", "write"]
ConfigureCommand = Callable[..., Result]


@pytest.fixture
def configure(postgres: PrivateServer) -> Iterator[ConfigureCommand]:
    """Runs `swpt-trade configure` on two empty databases of its own."""
    with postgres.admin() as admin:
        for name in ("cli_solver", "cli_worker"):
            admin.execute(f"create database {name}".encode())
    environment = {
        "SOLVER_POSTGRES_URL": postgres.database_url("cli_solver").replace("postgresql:", "postgresql+psycopg:"),
        "WORKER_POSTGRES_URL": postgres.database_url("cli_worker"),
    }
    yield lambda *options, **variables: CliRunner().invoke(
        main, ["configure", *options], env={**environment, **variables}
    )
    with postgres.admin() as admin:
        for name in ("cli_solver", "cli_worker"):
            admin.execute(f"drop database {name} with (force)".encode())


def test_configure_says_what_it_would_do_and_does_it_once(configure: ConfigureCommand, postgres: PrivateServer) -> None:
    planned = configure("--dry-run")
    assert planned.exit_code == 0
    assert "solver: run solver/migrations/0001_pre_turns.sql" in planned.output
    assert "worker: replace worker/functions/inbox/drain_inbox.sql" in planned.output
    with postgres.admin("cli_worker") as connection:
        assert connection.execute("select to_regnamespace('worker')").fetchone() == (None,)
    assert configure("--check").exit_code == 1

    done = configure()
    assert done.exit_code == 0, done.output
    assert configure("--check").output == "solver: up to date\nworker: up to date\n"
    assert configure("--check").exit_code == 0
    assert configure().output == "solver: up to date\nworker: up to date\n"


@covers("G47")
def test_a_database_of_another_shard_is_refused_until_it_is_rebound(
    configure: ConfigureCommand, postgres: PrivateServer
) -> None:
    configure()
    other = {"PROTOCOL_BROKER_QUEUE_ROUTING_KEY": "0.#"}
    for option, status in (("--dry-run", 0), ("--check", 1)):
        refused = configure(option, **other)
        assert refused.exit_code == status
        assert "worker: would be refused, it is bound to the key #, the environment has 0.#" in refused.output
    rebound = configure("--rebind", **other)
    assert rebound.exit_code == 0, rebound.output
    assert " and the key #, to be bound to the key 0.#" in rebound.output
    assert configure("--check", **other).exit_code == 0

    with postgres.admin("cli_worker") as connection:
        connection.execute("delete from worker.identity")
    unbound = configure("--check", **other)
    assert unbound.exit_code == 1
    assert unbound.output.splitlines()[-1] == "worker: bind it to the key 0.#"


def test_configure_names_a_missing_setting() -> None:
    result = CliRunner().invoke(main, ["configure"], env={"SOLVER_POSTGRES_URL": "", "WORKER_POSTGRES_URL": ""})
    assert result.exit_code == 1
    assert "SOLVER_POSTGRES_URL" in result.output
    assert "WORKER_POSTGRES_URL" in result.output


@pytest.mark.parametrize("option", [None, "--dry-run", "--check"])
def test_configure_ends_with_the_last_error_and_without_a_traceback(
    option: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.set_up.time.sleep", lambda _seconds: None)
    url = "postgresql://worker:secret@127.0.0.1:1/nothing"
    environment = {"SOLVER_POSTGRES_URL": url, "WORKER_POSTGRES_URL": url}
    result = CliRunner().invoke(main, ["configure", *([option] if option else [])], env=environment)
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert "Error: connection failed" in result.output
    assert "secret" not in result.output


def test_solve_writes_the_answer_and_explains_it(tmp_path: Path) -> None:
    save_market(make_market(seed=1, traders=200, minimum=1000), tmp_path)
    result = CliRunner().invoke(main, ["solve", str(tmp_path), str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert "upper bound" in result.output
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    takings = pl.read_parquet(tmp_path / "out" / "takings.parquet")
    givings = pl.read_parquet(tmp_path / "out" / "givings.parquet")
    assert takings.columns == givings.columns == ["creditor_id", "debtor_id", "amount", "collector_id"]
    assert takings["amount"].sum() > 0
    assert report["takings"] == takings.height
    assert 0.99 < report["share_of_bound"] <= 1.0
    assert (
        takings.group_by("debtor_id")
        .agg(pl.col("amount").sum())
        .sort("debtor_id")
        .equals(givings.group_by("debtor_id").agg(pl.col("amount").sum()).sort("debtor_id"))
    )


def test_solve_shows_progress_only_when_asked_or_on_a_terminal(tmp_path: Path) -> None:
    save_market(make_market(seed=1, traders=200, minimum=1000), tmp_path)
    folders = [str(tmp_path), str(tmp_path / "out")]
    quiet = CliRunner().invoke(main, ["solve", *folders])
    told = CliRunner().invoke(main, ["solve", *folders, "--progress", "--time-limit", "60"])
    assert quiet.exit_code == told.exit_code == 0
    assert quiet.stderr == ""
    steps = [line.split()[2] for line in told.stderr.splitlines()]
    assert steps == sorted(steps, key=SOLVER_STEPS.index)
    assert set(steps) == set(SOLVER_STEPS)
    assert told.stdout.splitlines()[:4] == quiet.stdout.splitlines()[:4]


def test_solve_shows_one_changing_line_on_a_terminal() -> None:
    screen = io.StringIO()
    with SolverProgress(Console(file=screen, force_terminal=True, width=100)) as observer:
        observer(Progress("match", 3.0, offers=1234, max_flows=5, traded_value=99.0, upper_bound=100.0))
    assert "match       1,234 offers in play  5 maximum flows  99.0000% of the bound" in screen.getvalue()


def test_solve_writes_a_page(tmp_path: Path) -> None:
    save_market(make_market(seed=1, traders=200, minimum=1000), tmp_path)
    page = tmp_path / "pages" / "turn.html"
    result = CliRunner().invoke(main, ["solve", str(tmp_path), str(tmp_path / "out"), "--report", str(page)])
    assert result.exit_code == 0, result.output
    assert str(page) in result.stdout
    assert page.read_text().startswith("<!doctype html>")


def test_solve_names_what_is_missing(tmp_path: Path) -> None:
    save_market(make_market(seed=1, traders=20, minimum=1000), tmp_path)
    (tmp_path / "buy_offers.parquet").unlink()
    result = CliRunner().invoke(main, ["solve", str(tmp_path), str(tmp_path / "out")])
    assert result.exit_code == 1
    assert "buy_offers.parquet" in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize("command", ["configure", "solve", "demo"])
def test_every_command_has_help(command: str) -> None:
    assert CliRunner().invoke(main, [command, "--help"]).exit_code == 0
    assert command in CliRunner().invoke(main, ["--help"]).output

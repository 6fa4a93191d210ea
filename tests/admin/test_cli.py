"""The commands as a user types them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner, Result

from admin.cli import main
from benchmarks.markets import make_market
from pipelines.market import Market
from sandbox.postgres import PrivateServer

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
    yield lambda *options: CliRunner().invoke(main, ["configure", *options], env=environment)
    with postgres.admin() as admin:
        for name in ("cli_solver", "cli_worker"):
            admin.execute(f"drop database {name} with (force)".encode())


def test_configure_says_what_it_would_do_and_does_it_once(configure: ConfigureCommand, postgres: PrivateServer) -> None:
    planned = configure("--dry-run")
    assert planned.exit_code == 0
    assert "solver: run solver/migrations/0001_pre_turns.sql" in planned.output
    assert "worker: replace worker/functions/messages/drain_inbox.sql" in planned.output
    with postgres.admin("cli_worker") as connection:
        assert connection.execute("select to_regnamespace('worker')").fetchone() == (None,)
    assert configure("--check").exit_code == 1

    done = configure()
    assert done.exit_code == 0, done.output
    assert configure("--check").output == "solver: up to date\nworker: up to date\n"
    assert configure("--check").exit_code == 0
    assert configure().output == "solver: up to date\nworker: up to date\n"


def test_configure_names_a_missing_setting() -> None:
    result = CliRunner().invoke(main, ["configure"], env={"SOLVER_POSTGRES_URL": "", "WORKER_POSTGRES_URL": ""})
    assert result.exit_code == 1
    assert "SOLVER_POSTGRES_URL" in result.output
    assert "WORKER_POSTGRES_URL" in result.output


def save(market: Market, folder: Path) -> None:
    for name in ("currencies", "collector_accounts", "sell_offers", "buy_offers"):
        getattr(market, name).write_parquet(folder / f"{name}.parquet")
    parameters = market.parameters
    meta = {
        "base_debtor_info_locator": parameters.base_debtor_info_locator,
        "base_debtor_id": parameters.base_debtor_id,
        "max_distance_to_base": parameters.max_distance_to_base,
        "min_trade_amount": parameters.min_trade_amount,
        "comment": "other keys are ignored",
    }
    (folder / "meta.json").write_text(json.dumps(meta))


def test_solve_writes_the_answer_and_explains_it(tmp_path: Path) -> None:
    save(make_market(seed=1, traders=200, minimum=1000), tmp_path)
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


def test_solve_names_what_is_missing(tmp_path: Path) -> None:
    save(make_market(seed=1, traders=20, minimum=1000), tmp_path)
    (tmp_path / "buy_offers.parquet").unlink()
    result = CliRunner().invoke(main, ["solve", str(tmp_path), str(tmp_path / "out")])
    assert result.exit_code == 1
    assert "buy_offers.parquet" in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize("command", ["configure", "solve", "demo"])
def test_every_command_has_help(command: str) -> None:
    assert CliRunner().invoke(main, [command, "--help"]).exit_code == 0
    assert command in CliRunner().invoke(main, ["--help"]).output

"""Figures for people and for programs: `status`, `turns`, and everything with --json."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from admin.cli import main
from admin.commands.status import duration
from tests.conftest import Connection
from tests.pipelines.solver.directories import save
from tests.pipelines.solver.markets import make_market
from tests.settings.environments import ENVIRONMENTS

Run = Callable[..., Result]


def url(connection: Connection) -> str:
    info = connection.info
    return f"postgresql://{info.user}@{info.host}:{info.port}/{info.dbname}"


@pytest.fixture
def run(solver_db: Connection, worker_db: Connection) -> Run:
    """Commands with the environment of a solver that may look into one worker database."""
    environment = {
        **ENVIRONMENTS["solver"],
        "SOLVER_POSTGRES_URL": url(solver_db),
        "WORKER_POSTGRES_URL": url(worker_db),
    }
    return lambda *arguments, **variables: CliRunner().invoke(main, arguments, env={**environment, **variables})


def start(solver: Connection, phase: int = 1) -> None:
    deadline = "now() + interval '10 min'" if phase < 3 else "null"
    moments = "now(), now()" if phase >= 3 else "null, now()" if phase == 2 else "null, null"
    solver.execute(
        f"insert into solver.turn (started_at, base_debtor_info_locator, base_debtor_id, max_distance_to_base,"
        f" min_trade_amount, phase, phase_deadline, collection_started_at, collection_deadline)"
        f" values (now() - interval '3 min', 'x', 1, 10, 1000, {phase}, {deadline}, {moments})".encode()
    )


def test_status_says_in_ten_lines_how_the_installation_does(
    run: Run, solver_db: Connection, worker_db: Connection
) -> None:
    result = run("status")
    assert result.exit_code == 0, result.output
    assert "there has been none yet" in result.output
    start(solver_db, 4)
    solver_db.execute("insert into solver.transfer_statistic values (1, 5, 1203, 9, 1, 7, 0, 0, 1)")
    start(solver_db, 2)
    solver_db.execute("select solver.report_shard('#', 77, 1, 5, '1.2.3', 4096, 8191, 0)")
    worker_db.execute("insert into pgmq.q_inbox_0 (vt, message) values ('-infinity', '{}'), ('-infinity', '{}')")
    result = run("status")
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert len(lines) <= 10
    assert re.match(r"turn +2: phase 2 \(offers\), 10 min left; began 3 min ago", lines[0])
    assert "in turn 1: 1,203 takings in 1 currencies" in lines[1]
    assert "1 have reported" in lines[2]
    assert any("2 wait to be applied, 0 to be sent" in line for line in lines)
    assert re.fullmatch(r"wrong +nothing", lines[-1])

    document = json.loads(run("status", "--json").output)
    assert document["lastResult"] == {"turnId": 1, "takings": 1203, "currencies": 1}
    assert document["workers"][0]["inbox"] == 2
    assert document["problems"] == []


def test_status_tells_what_is_wrong(run: Run, solver_db: Connection, worker_db: Connection) -> None:
    solver_db.execute("select solver.report_shard('0.#', 77, 1, 5, '1.2.3', 4096, 8191, 0)")
    result = run("status")
    assert result.exit_code == 1
    assert "nobody works for the keys 1.#" in result.output
    unreachable = "postgresql://nobody@127.0.0.1:1/none"
    result = run("status", WORKER_POSTGRES_URL=unreachable)
    assert result.exit_code == 1
    assert "a worker database in WORKER_POSTGRES_URL" in result.output
    assert "Traceback" not in result.output
    assert "not visible here" in run("status", WORKER_POSTGRES_URL="").output


def test_a_turn_is_started_by_hand(run: Run, solver_db: Connection) -> None:
    """Whatever the period, but never beside another one."""
    result = run("turns", "start", TURN_PERIOD="0")
    assert (result.exit_code, result.output[:18]) == (0, "turn 1 has started")
    assert solver_db.execute("select turn_id, phase, min_trade_amount from solver.turn").fetchall() == [(1, 1, 1000)]
    result = run("turns", "start")
    assert result.exit_code == 1
    assert "turn 1 is not over: there is one at a time" in result.output
    solver_db.execute(
        "update solver.turn set phase = 4, phase_deadline = null, collection_started_at = now(),"
        " collection_deadline = now()"
    )
    assert run("turns", "start").exit_code == 0
    rows = json.loads(run("turns", "list", "--json").output)
    assert [(row["turnId"], row["phase"]) for row in rows] == [(2, 1), (1, 4)]
    assert run("turns", "list", "--limit", "1").output.count("\n") == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("pending",),
        ("shards",),
        ("turns", "list"),
        ("transfers", "held"),
        ("transfers", "lost"),
        ("transfers", "unexplained"),
        ("collectors", "list"),
        ("collectors", "held"),
        ("status",),
    ],
    ids=" ".join,
)
def test_figures_are_json_on_request(run: Run, arguments: tuple[str, ...]) -> None:
    result = run(*arguments, "--json")
    assert result.exit_code in (0, 1), result.output
    assert isinstance(json.loads(result.output), (list, dict))


def test_json_has_ids_as_texts(run: Run, solver_db: Connection) -> None:
    """As in the Web API: many programs read numbers as doubles."""
    solver_db.execute(
        "insert into solver.collector_account (debtor_id, collector_id, account_id, status) values (-5, 4097, 'x', 2)"
    )
    (row,) = json.loads(run("collectors", "list", "--json").output)
    assert (row["debtorId"], row["collectorId"], row["status"]) == (str(2**64 - 5), "4097", "active")


def commands(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = [path]
    for name, command in group.commands.items():
        found += commands(command, (*path, name)) if isinstance(command, click.Group) else [(*path, name)]
    return found


@pytest.mark.parametrize("path", commands(main), ids=" ".join)
def test_help_fits_80_columns_and_breaks_no_sentence_off(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(main, [*path, "--help"], env={"COLUMNS": "80"}, terminal_width=80)
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert max(map(len, lines)) <= 80
    assert not [line for line in lines[1:] if line.endswith("...")]


@pytest.mark.parametrize(
    ("arguments", "module", "name"),
    [(("demo",), "testing.postgresql", "sandbox"), (("sandbox",), "trustme", "peer")],
    ids=["demo", "sandbox"],
)
def test_a_missing_package_is_named_with_its_extra(
    arguments: tuple[str, ...], module: str, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for loaded in list(sys.modules):
        if loaded.startswith("sandbox.") and loaded not in ("sandbox.commands", "sandbox.extras"):
            monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.setitem(sys.modules, module, None)
    result = CliRunner().invoke(main, arguments, env=ENVIRONMENTS["worker"])
    assert result.exit_code == 1
    assert f"needs `pip install 'swpt-trade[{name}]'`" in result.output
    assert "swpt-trade[sandbox]" in CliRunner().invoke(main, ["--help"]).output


def test_a_folder_that_can_not_be_written_is_found_before_the_work(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    result = CliRunner().invoke(main, ["demo", "--report", str(blocked / "report")])
    assert result.exit_code == 1
    assert f"cannot write to {blocked / 'report'}: Not a directory" in result.output


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (119, "119 s"), (121, "2 min"), (7200, "2 h"), (200_000, "2 d")]
)
def test_times_are_for_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.fixture
def unserved(tmp_path: Path) -> Path:
    """A folder with a market in which nobody takes silver and nobody has copper."""
    folder = tmp_path / "market"
    folder.mkdir()
    save(make_market("S 11 2 5000 9; B 11 1 5000; S 12 1 3000 9; B 12 3 3000", {2: 1.0, 3: 1.0}), folder)
    return folder


def test_a_solved_market_is_told_as_json(unserved: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["solve", str(unserved), str(tmp_path / "out"), "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.output)["offers"] == 4


def test_solve_says_what_would_have_helped(unserved: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["solve", str(unserved), str(tmp_path / "out"), "--what-would-help"])
    assert result.exit_code == 0, result.output
    assert "more buyers of 2 would have let others trade 8,000 base tokens more" in result.output


def test_solve_finds_folders_that_can_not_be_written_before_the_work(unserved: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    for arguments in ([str(blocked / "out")], [str(tmp_path / "out"), "--report", str(blocked / "page.html")]):
        result = CliRunner().invoke(main, ["solve", str(unserved), *arguments])
        assert result.exit_code == 1
        assert "cannot write to" in result.output
        assert "traded" not in result.output

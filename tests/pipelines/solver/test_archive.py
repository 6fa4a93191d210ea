"""The archive of a solved turn, from the database to a directory and back to the solver."""

from __future__ import annotations

import io
import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import pytest
from click.testing import CliRunner, Result

from admin.cli import main
from pipelines.names import CurrencyName, archived_names, names_in
from pipelines.solver.archived import archive_of
from pipelines.solver.archived_frames import archived_market
from pipelines.solver.bottlenecks import bottlenecks
from pipelines.solver.circles import circles
from pipelines.solver.load import load_directory, load_turn
from pipelines.solver.market import NAMES, Market
from pipelines.solver.solve import solve, solve_turn
from tests.pipelines.solver.directories import save
from tests.pipelines.solver.markets import make_market, random_market
from tests.pipelines.solver.solver_turns import COLLECTORS, OFFERS, insert_turn

Connection = psycopg.Connection[tuple[Any, ...]]

ANSWER = ("takings", "givings", "collector_transfers")


def run(solver: Connection, *arguments: str) -> Result:
    info = solver.info
    url = f"postgresql://{info.user}@{info.host}:{info.port}/{info.dbname}"
    return CliRunner().invoke(main, arguments, env={"SOLVER_POSTGRES_URL": url})


def market() -> Market:
    return random_market(3, traders=200, currencies=8, minimum=1000)


def solved(solver: Connection, **options: Any) -> None:
    insert_turn(solver, market(), 5)
    assert solve_turn(solver, 5, **options) is not None


def test_an_exported_turn_is_the_market_that_was_solved_and_its_answer(solver_db: Connection, tmp_path: Path) -> None:
    solved(solver_db)
    done = run(solver_db, "export_turn", "5", str(tmp_path / "turn"))
    assert done.exit_code == 0, done.output
    assert "turn 5, started at " in done.output
    exported = load_directory(tmp_path / "turn")
    assert exported.parameters == market().parameters
    for name in ("currencies", "collector_accounts", "sell_offers", "buy_offers"):
        frame = getattr(market(), name)
        assert getattr(exported, name).sort(frame.columns).equals(frame.sort(frame.columns), null_equal=True)
    givings = pl.read_parquet(tmp_path / "turn" / "givings.parquet")
    assert givings.height > 0
    rows = solver_db.execute("select creditor_id, debtor_id, amount, collector_id from solver.creditor_giving")
    assert sorted(givings.rows()) == sorted(rows.fetchall())
    report = json.loads((tmp_path / "turn" / "report.json").read_text())
    assert report["givings"] == givings.height
    untraded = pl.read_parquet(tmp_path / "turn" / "untraded_offers.parquet")
    assert untraded.height == sum(report["untraded"].values())

    refused = run(solver_db, "solve", str(tmp_path / "turn"), str(tmp_path / "turn"))
    assert (refused.exit_code, "choose another OUTPUT_DIR" in refused.output) == (2, True)
    again = run(solver_db, "solve", str(tmp_path / "turn"), str(tmp_path / "again"))
    assert again.exit_code == 0, again.output
    assert "this is the answer that turn 5 had" in again.output
    for name in ANSWER:
        first, second = (pl.read_parquet(tmp_path / folder / f"{name}.parquet") for folder in ("turn", "again"))
        assert first.sort(first.columns).equals(second.sort(second.columns))
    compared = run(solver_db, "compare", str(tmp_path / "turn"), str(tmp_path / "again"))
    assert compared.exit_code == 0, compared.output
    assert compared.output.startswith("the same is paid in both: nothing changed\n")


def test_the_largest_circles_are_found_once_and_shown(solver_db: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    solved(solver_db)
    whole = solve(market(), keeps_flow=True)
    assert whole.flow is not None
    expected = circles(whole.flow, 1000)
    done = run(solver_db, "turns", "circles", "5", "--limit", "1000", "--json")
    assert done.exit_code == 0, done.output
    shown = json.loads(done.output)
    assert [row["value"] for row in shown] == expected["value"].to_list()
    assert [int(row["creditor_id"]) for row in shown] == [c % 2**64 for c in expected["creditor_id"]]
    monkeypatch.setattr("pipelines.solver.archived_insight.circles", None)
    text = run(solver_db, "turns", "circles", "5", "--limit", "1").output
    assert text.startswith(f"circle 1: {expected['value'][0]:,.0f} base tokens\n  trader ")
    assert text.count(" gives ") == expected.filter(pl.col("circle") == 1).height


def test_currencies_keep_the_names_that_they_had(solver_db: Connection, tmp_path: Path) -> None:
    names = pl.DataFrame([(1, "Regio", "RGO"), (2, "Regio", None), (3, None, "שקל")], schema=NAMES, orient="row")
    insert_turn(solver_db, replace(market(), names=names), 5)
    assert solve_turn(solver_db, 5) is not None
    started_at = archive_of(solver_db, 5)
    assert archived_names(solver_db, 5, started_at, [1, 3, 4]) == {
        1: CurrencyName("Regio", "RGO"),
        3: CurrencyName(None, "שקל"),
    }
    assert archived_market(solver_db, 5, started_at).names.equals(names)
    steps = json.loads(run(solver_db, "turns", "circles", "5", "--limit", "1000", "--json").output)
    assert {step["given_name"] for step in steps if step["given_debtor_id"] == "1"} == {"Regio"}
    assert {step["taken_abbreviation"] for step in steps if step["taken_debtor_id"] == "3"} == {"שקל"}
    helpful = json.loads(run(solver_db, "turns", "what_would_help", "5", "--json").output)
    assert {(row["name"], row["abbreviation"]) for row in helpful if row["debtor_id"] == "2"} <= {("Regio", None)}
    text = run(solver_db, "turns", "circles", "5", "--limit", "1000").output
    for expected in (" 1 (Regio (RGO))", " 2 (Regio)", " 3 (\u2068שקל\u2069)", " 4 (https://"):
        assert expected in text
    exported = json.loads(run(solver_db, "export_turn", "5", str(tmp_path / "turn"), "--json").output)
    assert "names.parquet" in exported["files"]
    assert sum((tmp_path / "turn" / name).stat().st_size for name in exported["files"]) > 0 < exported["bytes"]
    assert load_directory(tmp_path / "turn").names.equals(names)
    assert run(solver_db, "solve", str(tmp_path / "turn"), str(tmp_path / "again")).exit_code == 0
    for folder in ("turn", "again"):
        prices = pl.read_parquet(tmp_path / folder / "prices.parquet")
        assert names_in(prices)[1] == CurrencyName("Regio", "RGO")


def test_names_in_files_of_whomever_are_made_harmless(tmp_path: Path) -> None:
    save(market(), tmp_path)
    (tmp_path / "names.csv").write_text(
        "debtor_id,name,abbreviation\n18446744073709551615,\u202eoigeR,<b>\n5,\x1b,\n5,x,\n7,"
        + "x" * 1000
        + ",7\n7,other,\n"
    )
    assert names_in(load_directory(tmp_path).names) == {
        -1: CurrencyName("oigeR", "<b>"),
        5: CurrencyName(None, None),
        7: CurrencyName("x" * 40, "7"),
    }


def test_a_name_of_somebody_elses_document_is_not_believed(solver_db: Connection) -> None:
    names = pl.DataFrame([(1, "Regio", "RGO"), (2, "Euro", "EUR")], schema=NAMES, orient="row")
    insert_turn(solver_db, replace(market(), names=names), 5)
    solver_db.execute("update solver.currency_info set is_confirmed = false where debtor_id = 2")
    loaded = load_turn(solver_db, 5)
    assert loaded is not None
    assert names_in(loaded.names) == {1: CurrencyName("Regio", "RGO")}


def test_circles_through_a_trader_or_a_currency_are_found_in_the_archived_flow(solver_db: Connection) -> None:
    solved(solver_db)
    first = json.loads(run(solver_db, "turns", "circles", "5", "--limit", "1", "--json").output)[0]
    for option, name in (("--creditor", "creditor_id"), ("--debtor", "given_debtor_id")):
        done = run(solver_db, "turns", "circles", "5", option, first[name], "--json")
        assert done.exit_code == 0, done.output
        found = pl.DataFrame(json.loads(done.output))
        assert found.height > 0
        through = found.filter(pl.any_horizontal(pl.col(name) == first[name]))
        assert set(through["circle"]) == set(found["circle"])
    assert "there is no such circle" in run(solver_db, "turns", "circles", "5", "--creditor", "-77").output
    refused = run(solver_db, "turns", "circles", "6")
    assert (refused.exit_code, "turn 6 has no archive" in refused.output) == (1, True)


def test_what_would_help_is_found_out_once(solver_db: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    solved(solver_db)
    expected = bottlenecks(market())
    first = run(solver_db, "turns", "what_would_help", "5", "--json")
    assert first.exit_code == 0, first.output
    assert [row["extra_value"] for row in json.loads(first.output)] == expected["extra_value"].to_list()
    name = "what_would_help.parquet"
    row = solver_db.execute("select body from solver.turn_archive where name = %s", (name,), binary=True).fetchone()
    assert row is not None
    assert pl.read_parquet(io.BytesIO(row[0])).equals(expected)
    monkeypatch.setattr("pipelines.solver.archived_insight.bottlenecks", None)
    assert run(solver_db, "turns", "what_would_help", "5", "--json").output == first.output
    assert "would have let others trade " in run(solver_db, "turns", "what_would_help", "5").output


def test_prices_have_their_paths_of_pegs(solver_db: Connection, tmp_path: Path) -> None:
    insert_turn(solver_db, make_market(OFFERS, {2: 2.0}, COLLECTORS), 5)
    solver_db.execute(
        "insert into solver.currency_info values (5, 'https://example.com/3', 3, 'https://example.com/2', 2, 0.5, true)"
    )
    solve_turn(solver_db, 5)
    assert run(solver_db, "export_turn", "5", str(tmp_path)).exit_code == 0
    prices = pl.read_parquet(tmp_path / "prices.parquet")
    columns = ("debtor_id", "price", "peg_debtor_id", "peg_exchange_rate", "path", "path_rates")
    assert prices.select(columns).rows() == [
        (1, 1.0, None, None, [1], []),
        (2, 2.0, 1, 2.0, [2, 1], [2.0]),
        (3, 1.0, 2, 0.5, [3, 2, 1], [0.5, 2.0]),
    ]


def test_large_files_are_kept_in_parts(solver_db: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.solver.archive.PART_BYTES", 1000)
    monkeypatch.setattr("pipelines.solver.archive.SORTED_ROWS", 100)
    solved(solver_db)
    query = "select max(length(body)), max(part) > 0 from solver.turn_archive where first_id is null"
    assert solver_db.execute(query).fetchone() == (1000, True)
    query = "select name, max(part) > 0 from solver.turn_archive where first_id is not null group by name order by name"
    assert (
        dict(solver_db.execute(query).fetchall()).items()
        >= {"sell_offers.parquet": True, "givings.parquet": False}.items()
    )
    assert run(solver_db, "export_turn", "5", str(tmp_path)).exit_code == 0
    assert load_directory(tmp_path).sell_offers.sort(pl.all()).equals(market().sell_offers.sort(pl.all()))


def test_a_turn_whose_time_was_up_says_so(solver_db: Connection, tmp_path: Path) -> None:
    solved(solver_db, time_limit=0.0)
    done = run(solver_db, "export_turn", "5", str(tmp_path / "turn"))
    assert "the time limit had been reached when it was solved" in done.output
    again = run(solver_db, "solve", str(tmp_path / "turn"), str(tmp_path / "again"))
    assert again.exit_code == 0, again.output
    assert "this is not the answer that turn 5 had: its time limit had been reached" in again.output
    compared = run(solver_db, "compare", str(tmp_path / "turn"), str(tmp_path / "again"))
    assert "note: the time limit ended the search for the first answer" in compared.output


def test_a_failing_archive_is_an_error_and_stops_no_turn(
    solver_db: Connection, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    solver_db.execute("alter table solver.turn_archive add constraint broken check (name <> 'takings.parquet')")
    solved(solver_db)
    assert solver_db.execute("select phase from solver.turn").fetchone() == (3,)
    assert solver_db.execute("select count(*) from solver.turn_archive").fetchone() == (0,)
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert ["turn 5 goes on, but is not archived" in error.getMessage() for error in errors] == [True]
    done = run(solver_db, "export_turn", "5", str(tmp_path))
    assert (done.exit_code, "turn 5 has no archive; nor has any other turn" in done.output) == (1, True)


def test_a_turn_goes_on_without_the_table(
    solver_db: Connection, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    solver_db.execute("drop table solver.turn_archive")
    solved(solver_db)
    assert solver_db.execute("select phase from solver.turn").fetchone() == (3,)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    done = run(solver_db, "export_turn", "5", str(tmp_path))
    assert (done.exit_code, "no table solver.turn_archive" in done.output) == (1, True)


def test_nothing_is_archived_when_that_is_not_wanted(solver_db: Connection) -> None:
    solved(solver_db, is_archived=False)
    assert solver_db.execute("select count(*) from solver.turn_archive").fetchone() == (0,)


def test_an_export_overwrites_nothing(solver_db: Connection, tmp_path: Path) -> None:
    solved(solver_db)
    (tmp_path / "meta.json").write_text("mine")
    done = run(solver_db, "export_turn", "5", str(tmp_path))
    assert (done.exit_code, "meta.json exists already: choose another directory" in done.output) == (1, True)
    assert [path.name for path in tmp_path.iterdir()] == ["meta.json"]
    assert (tmp_path / "meta.json").read_text() == "mine"


def test_a_directory_that_can_not_be_written_is_named(solver_db: Connection, tmp_path: Path) -> None:
    """Also for root, who may write everywhere but below a file."""
    solved(solver_db)
    (tmp_path / "file").write_text("")
    done = run(solver_db, "export_turn", "5", str(tmp_path / "file" / "turn"))
    assert (done.exit_code, f"{tmp_path / 'file' / 'turn'}: Not a directory" in done.output) == (1, True)


def test_a_turn_without_an_archive_is_told_which_there_are(solver_db: Connection, tmp_path: Path) -> None:
    solved(solver_db)
    done = run(solver_db, "export_turn", "6", str(tmp_path))
    assert (done.exit_code, "turn 6 has no archive; those of 1 turns are kept, from 5 to 5" in done.output) == (1, True)

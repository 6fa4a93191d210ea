"""The page about two answers, and the command that writes it."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from admin.cli import main
from benchmarks.markets import make_market, save_market
from pipelines.solver.comparison import compare, load_answer
from pipelines.solver.solve import solve_directory
from tests.conftest import skip_or_fail
from tests.reports.pages import looked_at
from tests.web.browser import browser


@pytest.fixture
def answers(tmp_path: Path) -> tuple[Path, Path]:
    """What was solved, and what would have been with a greater minimum."""
    save_market(make_market(1, 300, 1000), tmp_path / "in")
    first, second = tmp_path / "first", tmp_path / "second"
    solve_directory(tmp_path / "in", first)
    solve_directory(tmp_path / "in", second, changes=["min_trade_amount=200000"])
    return first, second


def test_two_answers_are_compared_on_a_page(answers: tuple[Path, Path], tmp_path: Path) -> None:
    if browser() is None:
        skip_or_fail("no browser")
    page = tmp_path / "pages" / "compared.html"
    done = CliRunner().invoke(main, ["compare", *map(str, answers), "--report", str(page)])
    assert done.exit_code == 0, done.output
    assert done.output.endswith(f"page: {page}\n")
    text = page.read_text()
    found = compare(*map(load_answer, answers))
    assert found.losers
    for change in (*found.winners, *found.losers):
        assert f"Trader {change.id % 2**64}" in text
    for turn in found.turnabouts:
        assert f"{turn.offers:,} offers" in text
    wide = looked_at(page, 1440, tmp_path / "profile")
    assert (wide["width"], wide["cut"], wide["found"]) == (1440, [], 8)
    assert wide["faults"] == []
    # Whoever changed most is shown first.
    most = max((*found.winners, *found.losers), key=lambda change: abs(change.after - change.before))
    assert wide["trader"] == f"Trader {most.id % 2**64}"
    phone = looked_at(page, 390, tmp_path / "profile", is_dark=True)
    assert (phone["width"], phone["cut"]) == (390, [])
    assert phone["faults"] == []


def test_currencies_are_called_by_their_names(answers: tuple[Path, Path], tmp_path: Path) -> None:
    """Also where only one of the two answers has them."""
    first = pl.read_parquet(answers[0] / "prices.parquet")
    first.drop("name", "abbreviation").write_parquet(answers[0] / "prices.parquet")
    second = pl.read_parquet(answers[1] / "prices.parquet")
    second.with_columns(name=pl.lit("Regio\x1b"), abbreviation=pl.lit("<b>")).write_parquet(
        answers[1] / "prices.parquet"
    )
    page = tmp_path / "compared.html"
    done = CliRunner().invoke(main, ["compare", *map(str, answers), "--report", str(page)])
    assert done.exit_code == 0, done.output
    assert "    Regio (<b>)\n" in done.output
    (change, *_) = compare(*map(load_answer, answers)).currencies
    # Several are called so.
    assert f"Regio (&lt;b&gt;) {change.id % 2**64}, ID {change.id % 2**64}" in page.read_text()


def test_a_page_about_the_same_answer_says_so(answers: tuple[Path, Path], tmp_path: Path) -> None:
    page = tmp_path / "compared.html"
    done = CliRunner().invoke(main, ["compare", str(answers[0]), str(answers[0]), "--report", str(page)])
    assert done.exit_code == 0, done.output
    assert "The same is paid in both: nothing changed." in page.read_text()
    assert 'id="traders"' not in page.read_text()


def test_a_page_that_can_not_be_written_is_named_before_the_work(answers: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    arguments = ["compare", *map(str, answers), "--report", str(tmp_path / "file" / "page.html")]
    done = CliRunner().invoke(main, arguments)
    assert (done.exit_code, f"cannot write to {tmp_path / 'file'}" in done.output) == (1, True)

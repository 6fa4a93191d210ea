"""The page of a finished turn: what it tells, and that nothing of it is cut off."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import polars as pl
import pytest

from pipelines.solver.circles import CIRCLES
from pipelines.solver.report import Report
from sandbox.authority import Totals
from sandbox.demo import told
from sandbox.economy.economy import Economy
from sandbox.economy.generator import make_economy
from sandbox.report.circles import Circle, easiest, sentences, told_circles
from sandbox.report.outcome import judge
from sandbox.report.page import Story, page, write_report
from sandbox.report.wallets import NOT_OFFERED, goal, pocket_cells, pocket_sentence, wallets
from sandbox.report.wording import rate
from sandbox.world.shard import Leftovers
from sandbox.world.world import Settlement
from tests.conftest import skip_or_fail
from tests.end_to_end.towns import BASE, COPPER, FIRST_TRADER, SILVER, circle
from tests.reports.pages import looked_at
from tests.web.browser import browser

ANNA, BORIS, CLARA, DORA, EMIL = (FIRST_TRADER + n for n in range(5))
AFTER = {
    (ANNA, BASE): 94_000,
    (ANNA, COPPER): 12_000,
    (BORIS, SILVER): 47_000,
    (BORIS, BASE): 6_000,
    (CLARA, COPPER): 188_000,
    (CLARA, SILVER): 3_000,
}
RING = Circle(((ANNA, BASE, 6_000), (BORIS, SILVER, 3_000), (CLARA, COPPER, 12_000)), 6_000.0)


def story(economy: Economy | None = None, **changes: object) -> Story:
    economy = economy or circle()
    before = {(a.creditor_id, a.debtor_id): a.principal for a in economy.accounts}
    after = before | (AFTER if economy.seed == 0 else {})
    nothing = {currency.debtor_id: _totals() for currency in economy.currencies}
    settlements = Settlement(before, nothing), Settlement(after, nothing)
    report = Report(18_000.0, 18_000.0, 1.0, 3, 5, 10, 3, 3, 0, {}, [], {}, 0, {"no circle": 3, "one-sided trader": 1})
    outcome = judge(
        economy,
        *settlements,
        amount_cut=1e-5,
        collectors=range(0),
        reached_phase_4=True,
        leftovers=Leftovers(0, 0, 0, 0, 0, 0, 0, 0, 0),
    )
    made = Story(economy, outcome, report, *settlements, [RING], {(DORA, BASE): "one-sided trader"})
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


def _totals() -> Totals:
    return Totals(circulating=123_456_789_000, in_flight=0, accounts=1, locked=0)


def test_circles_come_from_the_solver() -> None:
    rows = [
        (1, 6_000.4, 1, ANNA, BASE, 6_000.4, COPPER, 12_000.0),
        (1, 6_000.4, 2, BORIS, SILVER, 3_000.2, BASE, 6_000.0),
        (1, 6_000.4, 3, CLARA, COPPER, 12_000.4, SILVER, 3_000.0),
    ]
    (found,) = told_circles(pl.DataFrame(rows, schema=CIRCLES, orient="row"))
    assert found == dataclasses.replace(RING, value=6_000.4)
    assert sentences(circle(), found) == [
        "Anna gives 6,000 base to Boris.",
        "Boris gives 3,000 silver to Clara.",
        "Clara gives 12,000 copper to Anna.",
    ]


def test_the_circle_that_is_shown_is_of_three_or_four() -> None:
    two, five = (Circle(((ANNA, BASE, 1),) * count, 9.0) for count in (2, 5))
    assert easiest([five, two, RING]) is RING
    assert easiest([five, two]) is two
    assert easiest([]) is None


def test_a_wallet_says_what_was_wanted_and_why_not() -> None:
    economy = circle()
    anna = next(a for a in economy.accounts if (a.creditor_id, a.debtor_id) == (ANNA, BASE))
    assert (goal(anna, 100_000), goal(anna, 500), goal(anna, -5)) == (94_000, 500, 0)
    made = story()
    found = wallets(economy, made.before.principals, made.after.principals, made.reasons)
    assert [pocket_cells(economy, pocket) for pocket in found[ANNA]] == [
        ("copper", "0 copper", "at least 100,000 copper", "12,000 copper", "got 12,000 copper", ""),
        ("base", "100,000 base", "at most 94,000 base", "94,000 base", "gave 6,000 base", ""),
    ]
    assert pocket_sentence(economy, found[ANNA][1]) == "base: 100,000 before, at most 94,000 wanted, 94,000 after"
    (dora,) = found[DORA]
    assert dora.reason == "the trader only sells or only buys, of what can be traded"
    assert {pocket.reason for pocket in found[EMIL]} == {NOT_OFFERED}


def test_no_two_currencies_have_the_same_name_or_unit() -> None:
    economy = make_economy(1, 10, 500)
    for names in ([c.name for c in economy.currencies], [c.unit for c in economy.currencies]):
        assert len(set(names)) == len(names)
    lev = next(currency for currency in economy.currencies if currency.unit == "BGN")
    assert rate(economy, lev) == "1 BGN = 0.5113 EUR"


def test_the_page_starts_with_a_circle_and_a_wallet_and_every_amount_has_its_unit() -> None:
    text = page(story())
    order = ["A turn is one round of trade", "One of its circles", "One wallet: ", "The whole turn", "Look for anybody"]
    places = [text.index(words) for words in order]
    assert places == sorted(places)
    assert "Anna gives 6,000 base to Boris." in text
    assert "everybody gave 6,000 base and got 6,000 base" in text
    assert "10 offers" in text
    assert "no circle" in text
    assert not re.search(r"style=|<script src|url\(|@import|<link", text)


def test_problems_are_not_hidden() -> None:
    made = story()
    bad = dataclasses.replace(made.outcome, reached_phase_4=False)
    assert "Not well: the turn did not reach phase 4." in page(story(outcome=bad))
    assert any("did not reach phase 4" in line for line in told(story(outcome=bad)))


def test_the_terminal_tells_the_same_in_a_few_lines() -> None:
    lines = list(told(story()))
    assert "  Anna gives 6,000 base to Boris." in lines
    assert "  base: 100,000 before, at most 94,000 wanted, 94,000 after" in lines
    # Beside them are a dozen about what is being done.
    assert len(lines) <= 12


def test_a_turn_without_circles_has_a_page() -> None:
    assert "One of its circles" not in page(story(circles=[]))


@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
def test_nothing_is_cut_off_on_phones_and_screens(tmp_path: Path, is_dark: bool) -> None:
    if browser() is None:
        skip_or_fail("no browser")
    economy = make_economy(1, 300, 30)
    write_report(tmp_path, story(economy, circles=[]), [], {})
    assert (tmp_path / "index.html").stat().st_size < 1_000_000
    wide = looked_at(tmp_path / "index.html", 1440, tmp_path / "profile", is_dark)
    assert (wide["width"], wide["cut"], wide["found"]) == (1440, [], 8)
    assert wide["faults"] == []
    phone = looked_at(tmp_path / "index.html", 390, tmp_path / "profile", is_dark)
    assert (phone["width"], phone["cut"], phone["found"]) == (390, [], 8)
    assert phone["faults"] == []
    assert phone["trader"]


def test_a_page_for_many_has_at_most_a_megabyte() -> None:
    economy = make_economy(1, 6_000, 300)
    text = page(story(economy, circles=[]))
    assert len(text.encode()) < 1_000_000
    assert "of the 6,000 traders: the largest." in text

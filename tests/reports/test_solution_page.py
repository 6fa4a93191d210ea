"""The page about an answer of the solver, and the same in words."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from markupsafe import Markup

from benchmarks.markets import make_market, save_market
from pipelines.solver.market import NAMES
from pipelines.solver.price import price
from pipelines.solver.solve import solve, solve_directory
from pipelines.solver.untraded import REASON
from reports.page import TEMPLATES
from reports.solution_page import write_solution_page
from reports.solution_tables import currency_table, flows_between_currencies, offer_fates
from reports.solution_text import EXPLANATIONS, share, summary
from tests.conftest import skip_or_fail
from tests.pipelines.solver import markets as small
from tests.reports.pages import looked_at
from tests.web.browser import browser


class Reader(HTMLParser):
    """Checks that elements are closed in order, and collects texts and addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "input"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ("rect", "path", "circle")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    return reader


@pytest.mark.parametrize(("family", "traders"), [("typical", 500), ("oddities", 500), ("typical", 2)])
def test_a_page_is_whole_and_needs_no_network(tmp_path: Path, family: str, traders: int) -> None:
    save_market(make_market(1, traders, 1000, family), tmp_path / "in")
    report = solve_directory(tmp_path / "in", tmp_path / "out")
    write_solution_page(tmp_path / "pages" / "page.html", tmp_path / "in", tmp_path / "out", report)
    page = (tmp_path / "pages" / "page.html").read_text()
    reader = read(page)
    assert reader.addresses == []
    assert not re.search(r"url\(|@import|<script src|<link|style=", page)
    texts = reader.texts
    for reason, count in report.untraded.items():
        assert reason in texts
        assert f"{count:,} offers" in texts
    assert ("Nothing can be traded." in texts) == (report.takings == 0)
    assert all(step in texts for step in report.seconds)
    assert len(page) < 500_000


def test_nothing_is_cut_off_on_a_screen_and_the_search_finds(tmp_path: Path) -> None:
    if browser() is None:
        skip_or_fail("no browser")
    save_market(make_market(1, 300, 1000), tmp_path / "in")
    report = solve_directory(tmp_path / "in", tmp_path / "out", largest_circles=100)
    write_solution_page(tmp_path / "page.html", tmp_path / "in", tmp_path / "out", report)
    page = (tmp_path / "page.html").read_text()
    assert "One of the circles" in page
    assert "The circle is closed: everybody gave and got " in page
    assert page.count('class="drawing ring"') in (4, 5)
    wide = looked_at(tmp_path / "page.html", 1440, tmp_path / "profile")
    assert (wide["width"], wide["cut"], wide["found"], wide["back"]) == (1440, [], 8, "rgb(255, 255, 255)")
    assert wide["faults"] == []
    assert str(wide["trader"]).startswith("Trader ")
    phone = looked_at(tmp_path / "page.html", 390, tmp_path / "profile", is_dark=True)
    assert (phone["width"], phone["cut"], phone["found"], phone["back"]) == (390, [], 8, "rgb(18, 24, 30)")
    assert phone["faults"] == []


def test_names_from_documents_are_escaped(tmp_path: Path) -> None:
    market = small.make_market("S 1 1 8000 9; B 1 2 6000; S 2 2 3000 9; B 2 1 5000", {2: 2.0})
    evil = pl.col("debtor_info_locator").replace("https://example.com/2", "https://<script>alert(1)</script>")
    object.__setattr__(market, "currencies", market.currencies.with_columns(evil))
    save_market(market, tmp_path / "in")
    report = solve_directory(tmp_path / "in", tmp_path / "out")
    assert report.takings == 2
    write_solution_page(tmp_path / "page.html", tmp_path / "in", tmp_path / "out", report)
    page = (tmp_path / "page.html").read_text()
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page
    assert "\\u003cscript\\u003e" in page


def test_currencies_are_called_by_their_names_and_told_apart(tmp_path: Path) -> None:
    market = small.make_market("S 1 1 8000 9; B 1 2 6000; S 2 2 3000 9; B 2 1 5000", {2: 2.0})
    save_market(market, tmp_path / "in")
    names = pl.DataFrame([(1, "Regio", "RGO"), (2, "REGIO</td>", "\u202eRGO")], schema=NAMES, orient="row")
    names.write_parquet(tmp_path / "in" / "names.parquet")
    report = solve_directory(tmp_path / "in", tmp_path / "out")
    write_solution_page(tmp_path / "page.html", tmp_path / "in", tmp_path / "out", report)
    texts = read((tmp_path / "page.html").read_text()).texts
    assert {"Regio (RGO)", "REGIO</td> (RGO)"} <= set(texts)
    assert not any("\u202e" in text for text in texts)


def test_the_tables_add_up() -> None:
    market = make_market(1, 500, 1000)
    solution = solve(market)
    trades = solution.trades
    prices, _ = price(market.currencies, market.parameters)
    currencies = currency_table(market, prices, trades)
    flows = flows_between_currencies(prices, trades)
    tradable = market.sell_offers.join(prices, on="debtor_id")
    assert currencies["value"].sum() == pytest.approx(solution.traded_value)
    assert currencies["sellers"].sum() == tradable.height
    assert currencies["supply"].sum() == tradable["amount"].sum()
    assert currencies["traded"].sum() == trades.takings["amount"].sum()
    assert currencies["traders"].sum() == trades.takings.height + trades.givings.height
    assert (currencies["traded"] <= currencies["supply"]).all()
    assert flows["value"].sum() == pytest.approx(solution.traded_value)
    by_currency = dict(flows.group_by("given").agg(pl.col("value").sum()).iter_rows())
    for debtor_id, value in currencies.select("debtor_id", "value").iter_rows():
        assert by_currency.get(debtor_id, 0.0) == pytest.approx(value)
    fates = offer_fates(market, prices, trades, solution.untraded, 10_000)
    assert fates.height == market.sell_offers.height + market.buy_offers.height
    assert fates.filter("is_sell")["value"].sum() == pytest.approx(solution.traded_value)
    assert fates.filter((pl.col("traded") == 0) == pl.col("reason").is_null()).height == 0
    assert offer_fates(market, prices, trades, solution.untraded, 5)["creditor_id"].n_unique() == 5


def test_cells_are_escaped_once() -> None:
    parts: Any = TEMPLATES.get_template("parts.html.j2").module
    assert (
        '<p class="verdict good">a &lt; b</p>'
        == parts.verdict("a < b", True)
        == parts.verdict(Markup("a &lt; b"), True)
    )
    assert '<td data-label="x &gt;">a &lt; b<' in parts.table(["x >"], [["a < b"]])
    assert "<b>c</b>" in parts.table(["x"], [[Markup("<b>c</b>")]])
    assert 'width="25.00"' in parts.bars([("n", 1.0, "1"), ("m", 4.0, "4")])
    assert "width" not in parts.bars([])


def test_every_reason_is_explained(tmp_path: Path) -> None:
    assert set(REASON.categories) == set(EXPLANATIONS)
    save_market(make_market(1, 500, 1000, "oddities"), tmp_path)
    report = solve_directory(tmp_path, tmp_path / "out")
    lines = list(summary(report))
    for reason, count in report.untraded.items():
        assert any(f"{count:,}  {reason}: " in line for line in lines)
    assert any(line.startswith("warning: ") and "currencies ignored" in line for line in lines)
    assert not any("left out" in line for line in lines)
    assert f"{sum(report.untraded.values()):,} offers" in "\n".join(lines)


def test_a_share_is_never_rounded_up_to_all(tmp_path: Path) -> None:
    save_market(make_market(1, 30, 1000), tmp_path)
    report = solve_directory(tmp_path, tmp_path / "out")
    for value, text in ((1.0, "100.0000%"), (0.99999995, "more than 99.9999%"), (0.5, "50.0000%")):
        object.__setattr__(report, "share_of_bound", value)
        assert share(report) == text

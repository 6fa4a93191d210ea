"""A page about one answer of the solver: how good it is, what stayed untraded and why, and where the value went."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from pipelines.solver.load import load_directory
from pipelines.solver.market import Market, Trades
from pipelines.solver.price import price
from pipelines.solver.report import Report
from reports.flow_chart import flow_chart
from reports.page import Html, bars, escape, figures, page, table, verdict
from reports.solution_tables import (
    currency_names,
    currency_table,
    flows_between_currencies,
    largest_traders,
    with_names,
)
from reports.solution_text import EXPLANATIONS, base_tokens, by_count, gap, share

CURRENCIES_SHOWN = 200
FLOWS_SHOWN = 20
TRADERS_SHOWN = 20


def write_solution_page(path: Path, input_dir: Path, output_dir: Path, report: Report) -> None:
    """Writes the page about a market and its answer, which `solve_directory` has read and written."""
    trades = Trades(
        *(pl.read_parquet(output_dir / f"{name}.parquet") for name in ("takings", "givings", "collector_transfers"))
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(solution_page(load_directory(input_dir), trades, report), encoding="utf-8")


def solution_page(market: Market, trades: Trades, report: Report) -> str:
    """The page as HTML."""
    prices, _ = price(market.currencies, market.parameters)
    names = currency_names(market)
    flows = with_names(with_names(flows_between_currencies(prices, trades), names, "given", "from"), names, "got", "to")
    parts = [
        _verdict(report),
        _figures(report),
        "<h2>Why offers stay untraded</h2>",
        _untraded(report),
        "<h2>What was given, and what was got for it</h2>",
        flow_chart({(start, end): value for start, end, value in flows.select("from", "to", "value").iter_rows()}),
        "<h2>Currencies</h2>",
        _currencies(with_names(currency_table(market, prices, trades), names)),
        "<h2>The largest flows</h2>",
        _flows(flows.head(FLOWS_SHOWN)),
        "<h2>The largest trades</h2>",
        _traders(largest_traders(prices, trades, TRADERS_SHOWN)),
        "<h2>Time</h2>",
        bars([(step, spent, f"{spent:.2f} s") for step, spent in report.seconds.items()]),
        _warnings(report),
    ]
    return page("Circular trade: a solved turn", "A turn, solved", "".join(parts))


def _verdict(report: Report) -> Html:
    if not report.takings:
        return verdict("Nothing can be traded.", is_good=False)
    text = f"{base_tokens(report.traded_value)} traded: {share(report)} of the most that any answer could reach."
    rest = (
        f"The rest, {base_tokens(gap(report))}, is what the minimum trade amount and whole tokens cost, and what "
        "the search missed: the bound knows neither minimum nor tokens."
    )
    return Html(f"{verdict(text, is_good=True)}<p class=note>{escape(rest)}</p>")


def _figures(report: Report) -> Html:
    traded = report.takings + report.givings
    return figures(
        {
            "of the upper bound": share(report),
            "traders served": f"{report.traders_served:,} of {report.traders:,}",
            "offers traded": f"{traded:,} of {report.offers:,}",
            "transfers between collectors": f"{report.collector_transfers:,}",
            "time": f"{sum(report.seconds.values()):,.1f} s",
            "memory": f"{report.peak_memory_bytes / 2**20:,.0f} MiB",
        }
    )


def _untraded(report: Report) -> Html:
    rows = [("traded", float(report.takings + report.givings), f"{report.takings + report.givings:,}")]
    rows += [(reason, float(count), f"{count:,}") for reason, count in by_count(report)]
    meanings = ((reason, EXPLANATIONS.get(reason, "")) for reason, _ in by_count(report))
    explained = "".join(f"<li><b>{escape(reason)}</b>: {escape(text)}</li>" for reason, text in meanings)
    return Html(f"{bars(rows, frozenset(report.untraded))}<ul class=note>{explained}</ul>")


def _currencies(currencies: pl.DataFrame) -> Html:
    rows = (
        (
            row["name"],
            f"{row['price']:.4g}",
            f"{row['sellers']:,}",
            f"{row['buyers']:,}",
            f"{row['supply']:,}",
            f"{row['demand']:,}",
            f"{row['traded']:,}",
            _part(row["traded"], min(row["supply"], row["demand"])),
            f"{row['value']:,.0f}",
        )
        for row in currencies.head(CURRENCIES_SHOWN).iter_rows(named=True)
    )
    head = ("currency", "price", "sellers", "buyers", "supply", "demand", "traded", "of the scarcer side", "value")
    more = currencies.height - CURRENCIES_SHOWN
    note = f"<p class=note>{more:,} more currencies, with less traded, are left out.</p>" if more > 0 else ""
    about = "<p class=note>Supply, demand and traded are tokens; prices and values are in base tokens.</p>"
    return Html(f"{about}{table(head, rows, frozenset(range(1, len(head))))}{note}")


def _flows(flows: pl.DataFrame) -> Html:
    rows = ((start, end, f"{value:,.0f}") for start, end, value in flows.select("from", "to", "value").iter_rows())
    return table(("given", "got for it", "value"), rows, frozenset({2}))


def _traders(traders: pl.DataFrame) -> Html:
    rows = (
        (str(creditor_id), f"{gives:,}", f"{gets:,}", f"{value:,.0f}")
        for creditor_id, value, gives, gets in traders.select("creditor_id", "value", "gives", "gets").iter_rows()
    )
    return table(("creditor", "currencies given", "currencies got", "value"), rows, frozenset({1, 2, 3}))


def _warnings(report: Report) -> Html:
    if not report.warnings:
        return Html("")
    items = "".join(f"<li>{escape(warning)}</li>" for warning in report.warnings)
    return Html(f"<h2>Warnings</h2><ul>{items}</ul>")


def _part(amount: int, whole: int) -> str:
    return f"{amount / whole:.1%}" if whole else ""

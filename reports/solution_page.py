"""A page about one answer of the solver: how good it is, what stayed untraded and why, and where the value went."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from pipelines.solver.load import load_directory
from pipelines.solver.market import Market, Trades
from pipelines.solver.price import price
from pipelines.solver.report import Report
from reports.flow_chart import flow_chart
from reports.page import TEMPLATES
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

Row = tuple[str, ...]


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
    bands = {(start, end): value for start, end, value in flows.select("from", "to", "value").iter_rows()}
    reasons = by_count(report)
    offers = [("traded", report.takings + report.givings), *reasons]
    currencies = with_names(currency_table(market, prices, trades), names)
    return TEMPLATES.get_template("solution.html.j2").render(
        traded=base_tokens(report.traded_value) if report.takings else None,
        share=share(report),
        gap=base_tokens(gap(report)),
        figures=_figures(report),
        offers=[(name, count, f"{count:,}") for name, count in offers],
        untraded={reason: EXPLANATIONS.get(reason, "") for reason, _ in reasons},
        chart=flow_chart(bands),
        currencies=_currencies(currencies.head(CURRENCIES_SHOWN)),
        currencies_left_out=currencies.height - CURRENCIES_SHOWN,
        flows=_flows(flows.head(FLOWS_SHOWN)),
        traders=_traders(largest_traders(prices, trades, TRADERS_SHOWN)),
        times=[(step, spent, f"{spent:.2f} s") for step, spent in report.seconds.items()],
        warnings=report.warnings,
    )


def _figures(report: Report) -> dict[str, str]:
    traded = report.takings + report.givings
    return {
        "of the upper bound": share(report),
        "traders served": f"{report.traders_served:,} of {report.traders:,}",
        "offers traded": f"{traded:,} of {report.offers:,}",
        "transfers between collectors": f"{report.collector_transfers:,}",
        "time": f"{sum(report.seconds.values()):,.1f} s",
        "memory": f"{report.peak_memory_bytes / 2**20:,.0f} MiB",
    }


def _currencies(currencies: pl.DataFrame) -> list[Row]:
    return [
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
        for row in currencies.iter_rows(named=True)
    ]


def _flows(flows: pl.DataFrame) -> list[Row]:
    return [(start, end, f"{value:,.0f}") for start, end, value in flows.select("from", "to", "value").iter_rows()]


def _traders(traders: pl.DataFrame) -> list[Row]:
    return [
        (str(creditor_id), f"{gives:,}", f"{gets:,}", f"{value:,.0f}")
        for creditor_id, value, gives, gets in traders.select("creditor_id", "value", "gives", "gets").iter_rows()
    ]


def _part(amount: int, whole: int) -> str:
    return f"{amount / whole:.1%}" if whole else ""

"""A page about one answer of the solver: how good it is, what stayed untraded and why, and where the value went."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from pathlib import Path

import polars as pl
from markupsafe import Markup

from pipelines.solver.load import load_directory
from pipelines.solver.market import Market, Trades
from pipelines.solver.price import price
from pipelines.solver.report import Report
from reports.circle_drawing import Giving, circle_drawing
from reports.currency_labels import both_ids
from reports.flow_chart import flow_chart
from reports.page import TEMPLATES
from reports.peg_tree import Peg, peg_tree
from reports.solution_tables import (
    currency_names,
    currency_table,
    flows_between_currencies,
    offer_fates,
    with_names,
)
from reports.solution_text import EXPLANATIONS, base_tokens, by_count, gap, share
from reports.trader_search import Found, trader_search
from reports.waterfall import Step, waterfall

CURRENCIES_SHOWN = 200
FLOWS_SHOWN = 20
TRADERS_SHOWN = 5000

Row = tuple[str, ...]


def write_solution_page(path: Path, input_dir: Path, output_dir: Path, report: Report) -> None:
    """Writes the page about a market and its answer, which `solve_directory` has read and written."""
    trades = Trades(
        *(pl.read_parquet(output_dir / f"{name}.parquet") for name in ("takings", "givings", "collector_transfers"))
    )
    untraded = pl.read_parquet(output_dir / "untraded_offers.parquet")
    circles = output_dir / "circles.parquet"
    rings = pl.read_parquet(circles) if circles.is_file() else None
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(solution_page(load_directory(input_dir), trades, untraded, report, rings), encoding="utf-8")


def solution_page(
    market: Market, trades: Trades, untraded: pl.DataFrame, report: Report, circles: pl.DataFrame | None = None
) -> str:
    """The page as HTML. `circles`: the largest ones, see pipelines/solver/circles.py."""
    prices, _ = price(market.currencies, market.parameters)
    names = currency_names(market)
    flows = with_names(with_names(flows_between_currencies(prices, trades), names, "given", "from"), names, "got", "to")
    bands = {(start, end): value for start, end, value in flows.select("from", "to", "value").iter_rows()}
    currencies = with_names(currency_table(market, prices, trades), names)
    return TEMPLATES.get_template("solution.html.j2").render(
        traded=base_tokens(report.traded_value) if report.takings else None,
        share=share(report),
        gap=base_tokens(gap(report)),
        figures=_figures(report),
        offers=_offers(report),
        panels=[] if circles is None else _panels(circles, names),
        tree=_tree(market, currencies),
        chart=flow_chart(bands, written=base_tokens),
        currencies=_currencies(currencies.head(CURRENCIES_SHOWN)),
        currencies_left_out=currencies.height - CURRENCIES_SHOWN,
        flows=_flows(flows.head(FLOWS_SHOWN)),
        search=_search(market, prices, trades, untraded, names, report.traders),
        times=[(step, spent, f"{spent:.2f} s") for step, spent in report.seconds.items()],
        warnings=report.warnings,
    )


def _offers(report: Report) -> Markup:
    steps = [
        Step(reason, count, f"{count:,} offers", EXPLANATIONS.get(reason, "")) for reason, count in by_count(report)
    ]
    traded = report.takings + report.givings
    whole = traded + sum(report.untraded.values())
    return waterfall(Step("offered", whole, f"{whole:,} offers"), steps, Step("traded", traded, f"{traded:,} offers"))


def _panels(circles: pl.DataFrame, names: pl.DataFrame) -> list[tuple[Markup, str]]:
    """The largest circle of three or four traders, step by step: a drawing and a sentence each."""
    sizes = circles.group_by("circle").agg(size=pl.len())
    easy = circles.join(sizes.filter(pl.col("size").is_in([3, 4])), on="circle", how="semi")
    steps = with_names(easy.filter(pl.col("circle") == pl.col("circle").min()).sort("step"), names, "given_debtor_id")
    rows = steps.select("creditor_id", "given_amount", "name").rows()
    # A whole ID is too long for a drawing.
    ring = [
        Giving(f"Trader \u2026{str(giver % 2**64)[-6:]}", f"{amount:,.0f} of {name}") for giver, amount, name in rows
    ]
    drawings = [
        (
            circle_drawing(ring, index + 1),
            f"Trader {giver % 2**64} gives {amount:,.0f} tokens of {name} to trader {taker[0] % 2**64}.",
        )
        for index, ((giver, amount, name), taker) in enumerate(zip(rows, [*rows[1:], *rows[:1]], strict=True))
    ]
    if ring:
        value = base_tokens(steps["value"][0])
        drawings.append((circle_drawing(ring), f"The circle is closed: everybody gave and got {value}."))
    return drawings


def _tree(market: Market, currencies: pl.DataFrame) -> Markup:
    """Currencies with offers and a price by their pegs, as far as these are among them, too."""
    pegs = market.currencies.unique("debtor_id", keep="first").select("debtor_id", "peg_debtor_id", "peg_exchange_rate")
    rows = currencies.join(pegs, on="debtor_id", how="left", maintain_order="left")
    name = dict(currencies.select("debtor_id", "name").iter_rows())
    base = market.parameters.base_debtor_id
    return peg_tree(
        [
            Peg(
                row["debtor_id"],
                None if row["debtor_id"] == base else row["peg_debtor_id"],
                row["name"],
                "the base currency"
                if row["debtor_id"] == base
                else f"1 token = {row['peg_exchange_rate']:,.6g} of {name.get(row['peg_debtor_id'], 'its peg')}",
                f"{row['value']:,.0f} base tokens traded",
                row["value"],
            )
            for row in rows.iter_rows(named=True)
            if row["peg_exchange_rate"] is not None or row["debtor_id"] == base
        ]
    )


def _search(
    market: Market, prices: pl.DataFrame, trades: Trades, untraded: pl.DataFrame, names: pl.DataFrame, whole: int
) -> Markup:
    """Traders with what they offered and traded, those who trade most first."""
    fates = with_names(offer_fates(market, prices, trades, untraded, TRADERS_SHOWN), names)
    rows = fates.select("creditor_id", "is_sell", "name", "offered", "traded", "value", "reason").iter_rows()
    return trader_search(
        ("offer", "offered, tokens", "traded, tokens", "value, base tokens", "why not"),
        (
            Found(f"Trader {creditor_id % 2**64}", f"Signed ID {creditor_id}.", [_fate(*row[1:]) for row in offers])
            for creditor_id, offers in groupby(rows, itemgetter(0))
        ),
        (1, 2, 3),
        whole,
    )


def _fate(is_sell: bool, name: str, offered: int, traded: int, value: float, reason: str | None) -> Row:
    meaning = "" if reason is None else f"{reason}: {EXPLANATIONS.get(reason, '')}".rstrip(": ")
    return (f"{'sells' if is_sell else 'buys'} {name}", f"{offered:,}", f"{traded:,}", f"{value:,.0f}", meaning)


def _figures(report: Report) -> dict[str, str]:
    traded = report.takings + report.givings
    return {
        "of the most possible": share(report),
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
            both_ids(row["debtor_id"]),
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


def _part(amount: int, whole: int) -> str:
    return f"{amount / whole:.1%}" if whole else ""

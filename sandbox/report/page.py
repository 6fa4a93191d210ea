"""The demo's report: one HTML page with charts that opens without a network, the data as parquet, and a summary."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import plotly.io
import polars as pl
from markupsafe import Markup

from pipelines.solver.market import Trades
from pipelines.solver.report import Report
from reports.flow_chart import flow_chart
from reports.page import environment
from reports.solution_tables import flows_between_currencies
from sandbox.economy.economy import Economy
from sandbox.report.circles import Circle, tell
from sandbox.report.outcome import Outcome
from sandbox.report.wording import amount, amounts, base_value

TEMPLATES = environment("sandbox.report")

MOST_IN_CHART = 40
COLOURS = {"base": "#0f4c81", "national": "#2a7f9e", "regional": "#58a55c", "city": "#d9a441", "company": "#c1666b"}


@dataclass(frozen=True, slots=True)
class Moment:
    """How far the run was: seconds since its start, the phase, and what had been moved by then."""

    seconds: float
    phase: str
    messages: int
    offers: int
    documents: int


def write_report(
    folder: Path,
    economy: Economy,
    outcome: Outcome,
    report: Report,
    circles: Sequence[Circle],
    moments: Sequence[Moment],
    scene: dict[str, Any],
) -> None:
    """Writes index.html, summary.json and the parquet files into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    economy.to_parquet(folder)
    _trades(outcome).write_parquet(folder / "trades.parquet")
    _conservation(outcome).write_parquet(folder / "conservation.parquet")
    pl.DataFrame([asdict(moment) for moment in moments]).write_parquet(folder / "progress.parquet")
    summary = _summary(outcome, report, scene)
    (folder / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    (folder / "index.html").write_text(_page(economy, outcome, report, circles, moments, scene), encoding="utf-8")


def _summary(outcome: Outcome, report: Report, scene: dict[str, Any]) -> dict[str, Any]:
    return {
        "conserved": outcome.is_conserved,
        "problems": outcome.problems(),
        "traded_value": report.traded_value,
        "upper_bound": report.upper_bound,
        "share_of_bound": report.share_of_bound,
        "offers": report.offers,
        "traders": report.traders,
        "traders_served": len(outcome.flows),
        "leftovers": asdict(outcome.leftovers),
        "scene": scene,
    }


def _trades(outcome: Outcome) -> pl.DataFrame:
    rows = [
        {"creditor_id": flow.creditor_id, "debtor_id": debtor_id, "amount": tokens}
        for flow in outcome.flows
        for debtor_id, tokens in [*((d, -t) for d, t in flow.given.items()), *flow.received.items()]
    ]
    schema = {"creditor_id": pl.Int64, "debtor_id": pl.Int64, "amount": pl.Int64}
    return pl.DataFrame(rows, schema=schema)


def _conservation(outcome: Outcome) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "debtor_id": c.debtor_id,
                "circulating_before": c.before.circulating,
                "circulating_after": c.after.circulating,
                "in_flight": c.after.in_flight,
                "locked": c.after.locked,
                "with_collectors": c.with_collectors,
                "conserved": c.is_conserved,
            }
            for c in outcome.conservation
        ]
    )


def _page(
    economy: Economy,
    outcome: Outcome,
    report: Report,
    circles: Sequence[Circle],
    moments: Sequence[Moment],
    scene: dict[str, Any],
) -> str:
    charts = [
        ("Value by currency", _currency_chart(economy, outcome)),
        ("The peg tree", _tree_chart(economy)),
        ("The run", _progress_chart(moments)),
    ]
    return TEMPLATES.get_template("turn.html.j2").render(
        scene=", ".join(f"{name.replace('_', ' ')} {value}" for name, value in scene.items() if value is not None),
        problems=outcome.problems(),
        figures=_figures(economy, outcome, report),
        circles=[(tell(economy, circle), base_value(economy, circle.value)) for circle in circles],
        trades=_trade_rows(economy, outcome),
        flows=_flow_chart(economy, outcome),
        charts=[
            (title, plotly.io.to_html(figure, full_html=False, include_plotlyjs=(index == 0)))
            for index, (title, figure) in enumerate(charts)
        ],
        conservation=_conservation_rows(economy, outcome),
    )


def _figures(economy: Economy, outcome: Outcome, report: Report) -> dict[str, str]:
    return {
        "value traded": base_value(economy, report.traded_value or 0.0),
        "of what the market allows": f"{report.share_of_bound or 0.0:.4%}",
        "traders served": f"{len(outcome.flows):,} of {report.traders:,} with offers",
        "offers": f"{report.offers:,}",
        "payments": f"{report.takings + report.givings + report.collector_transfers:,}",
        "currencies traded": f"{len(_value_by_currency(economy, outcome)):,}",
    }


def _trade_rows(economy: Economy, outcome: Outcome) -> list[tuple[str, ...]]:
    return [
        (
            economy.trader_by_id[flow.creditor_id].name,
            amounts(economy, flow.given),
            amounts(economy, flow.received),
            base_value(economy, flow.value),
        )
        for flow in outcome.flows[:10]
    ]


def _conservation_rows(economy: Economy, outcome: Outcome) -> list[tuple[str, ...]]:
    return [
        (
            economy.currency_by_id[c.debtor_id].name,
            amount(economy.currency_by_id[c.debtor_id], c.before.circulating),
            amount(economy.currency_by_id[c.debtor_id], c.after.circulating),
            f"{c.with_collectors:,} tokens",
            "yes" if c.is_conserved else "NO",
        )
        for c in outcome.conservation
    ]


def _value_by_currency(economy: Economy, outcome: Outcome) -> dict[int, float]:
    values: dict[int, float] = defaultdict(float)
    for flow in outcome.flows:
        for debtor_id, tokens in flow.given.items():
            values[debtor_id] += tokens * economy.currency_by_id[debtor_id].price
    return dict(sorted(values.items(), key=lambda item: -item[1]))


def _flow_chart(economy: Economy, outcome: Outcome) -> Markup:
    """Left: currencies given, right: currencies got; a band is the value that traders turned into the other."""
    changes = _trades(outcome)
    sides = (changes.filter(pl.col("amount") < 0).with_columns(-pl.col("amount")), changes.filter(pl.col("amount") > 0))
    prices = pl.DataFrame(
        [(c.debtor_id, c.price) for c in economy.currencies],
        schema={"debtor_id": pl.Int64, "price": pl.Float64},
        orient="row",
    )
    flows = flows_between_currencies(prices, Trades(*sides, Trades.none().collector_transfers))
    names = {currency.debtor_id: currency.name for currency in economy.currencies}
    return flow_chart(
        {(names[given], names[got]): value for given, got, value in flows.iter_rows()},
        most=MOST_IN_CHART,
        colours={currency.name: COLOURS[currency.kind] for currency in economy.currencies},
        written=partial(base_value, economy),
    )


def _currency_chart(economy: Economy, outcome: Outcome) -> go.Figure:
    values = _value_by_currency(economy, outcome)
    base = economy.currency_by_id[economy.base_debtor_id]
    currencies = [economy.currency_by_id[debtor_id] for debtor_id in values]
    figure = go.Figure()
    for kind, colour in COLOURS.items():
        chosen = [(c.name, values[c.debtor_id] / base.amount_divisor) for c in currencies if c.kind == kind]
        if chosen:
            names, heights = zip(*chosen, strict=True)
            figure.add_bar(x=names, y=heights, name=kind, marker_color=colour)
    figure.update_xaxes(categoryorder="total descending", tickangle=-45)
    return figure.update_layout(height=450, yaxis_title=f"value traded, {base.unit}", margin={"t": 10})


def _tree_chart(economy: Economy) -> go.Figure:
    """The base in the middle, around it what is pegged to it, and so on."""
    currencies = economy.currencies
    unit = economy.currency_by_id[economy.base_debtor_id].unit
    accounts: dict[int, int] = defaultdict(int)
    for account in economy.accounts:
        accounts[account.debtor_id] += 1
    figure = go.Figure(
        go.Sunburst(
            ids=[str(c.debtor_id) for c in currencies],
            parents=["" if c.peg_debtor_id is None else str(c.peg_debtor_id) for c in currencies],
            labels=[c.name for c in currencies],
            customdata=[
                (c.kind, f"{c.price * c.amount_divisor / currencies[0].amount_divisor:,.4g}", accounts[c.debtor_id])
                for c in currencies
            ],
            marker={"colors": [COLOURS[c.kind] for c in currencies]},
            hovertemplate=(
                f"%{{label}}<br>%{{customdata[0]}}, worth %{{customdata[1]}} {unit}<br>%{{customdata[2]}} accounts"
            ),
        )
    )
    return figure.update_layout(height=600, margin={"t": 10, "b": 10})


def _progress_chart(moments: Sequence[Moment]) -> go.Figure:
    seconds = [moment.seconds for moment in moments]
    figure = go.Figure()
    for name, values in (
        ("messages", [m.messages for m in moments]),
        ("offers", [m.offers for m in moments]),
        ("documents fetched", [m.documents for m in moments]),
    ):
        figure.add_scatter(x=seconds, y=values, name=name, mode="lines")
    for before, after in pairwise(moments):
        if before.phase != after.phase:
            figure.add_vline(x=after.seconds, line_dash="dot", annotation_text=after.phase, annotation_textangle=-90)
    return figure.update_layout(height=420, xaxis_title="seconds", yaxis_type="log", margin={"t": 40})

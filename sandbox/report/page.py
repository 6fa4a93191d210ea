"""The demo's report: one HTML page that opens without a network, the data as parquet, and a summary."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
from markupsafe import Markup

from pipelines.solver.market import Trades
from pipelines.solver.report import Report
from reports.circle_drawing import Giving, circle_drawing
from reports.flow_chart import flow_chart
from reports.page import environment
from reports.peg_tree import Peg, peg_tree
from reports.solution_tables import flows_between_currencies
from reports.solution_text import EXPLANATIONS, by_count, share
from reports.trader_search import Found, trader_search
from reports.waterfall import Step, waterfall
from sandbox.economy.economy import Economy
from sandbox.report.circles import Circle, easiest, sentences
from sandbox.report.outcome import AccountKey, Outcome
from sandbox.report.wallets import Pocket, most_telling, pocket_cells, wallets
from sandbox.report.wording import amount, base_value, rate
from sandbox.world.world import Settlement

TEMPLATES = environment("sandbox.report")
CIRCLES_TOLD = 10


@dataclass(frozen=True, slots=True)
class Moment:
    """How far the run was: seconds since its start, the phase, and what had been moved by then."""

    seconds: float
    phase: str
    messages: int
    offers: int
    documents: int


@dataclass(frozen=True, slots=True)
class Story:
    """A finished turn: what it did, everybody's money before and after it, its circles, the reasons of the untraded.

    `economy` has the limits that people's policies had in this turn.
    """

    economy: Economy
    outcome: Outcome
    report: Report
    before: Settlement
    after: Settlement
    circles: Sequence[Circle]
    reasons: dict[AccountKey, str]


def write_report(folder: Path, story: Story, moments: Sequence[Moment], scene: dict[str, Any]) -> None:
    """Writes index.html, summary.json and the parquet files into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    story.economy.to_parquet(folder)
    _trades(story.outcome).write_parquet(folder / "trades.parquet")
    _conservation(story.outcome).write_parquet(folder / "conservation.parquet")
    pl.DataFrame([asdict(moment) for moment in moments]).write_parquet(folder / "progress.parquet")
    summary = _summary(story.outcome, story.report, scene)
    (folder / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    (folder / "index.html").write_text(page(story), encoding="utf-8")


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


def shown_circle(story: Story) -> Circle | None:
    """The circle that the report begins with."""
    return easiest(story.circles)


def shown_wallet(story: Story) -> tuple[int, list[Pocket]] | None:
    """The wallet that the report shows: of somebody in the circle; else of who traded most."""
    found = wallets(story.economy, story.before.principals, story.after.principals, story.reasons)
    circle = shown_circle(story)
    people = [step[0] for step in circle.steps] if circle is not None else []
    creditor_id = most_telling(found, people or [flow.creditor_id for flow in story.outcome.flows[:1]])
    return None if creditor_id is None else (creditor_id, found[creditor_id])


def page(story: Story) -> str:
    """The page as HTML."""
    economy, outcome, report = story.economy, story.outcome, story.report
    circle, wallet = shown_circle(story), shown_wallet(story)
    return TEMPLATES.get_template("turn.html.j2").render(
        traders=f"{len(economy.traders):,}",
        currencies=f"{len(economy.currencies):,}",
        base=economy.currency_by_id[economy.base_debtor_id].name,
        problems=outcome.problems(),
        panels=[] if circle is None else _panels(economy, circle),
        circle_value="" if circle is None else base_value(economy, circle.value),
        owner="" if wallet is None else economy.trader_by_id[wallet[0]].name,
        wallet=[] if wallet is None else [_wallet_row(economy, pocket) for pocket in wallet[1]],
        figures=_figures(economy, outcome, report),
        offers=_offers(report),
        tree=_tree(economy, outcome),
        flows=_flow_chart(economy, outcome),
        circles=[
            (" ".join(sentences(economy, circle)), base_value(economy, circle.value))
            for circle in story.circles[:CIRCLES_TOLD]
        ],
        search=_search(story),
        conservation=_conservation_rows(economy, outcome),
    )


def _panels(economy: Economy, circle: Circle) -> list[tuple[Markup, str]]:
    """A drawing and a sentence for each step, and the whole ring."""
    steps = [
        Giving(economy.trader_by_id[creditor_id].name, amount(economy.currency_by_id[debtor_id], tokens))
        for creditor_id, debtor_id, tokens in circle.steps
    ]
    told = sentences(economy, circle)
    panels = [(circle_drawing(steps, number), sentence) for number, sentence in enumerate(told, 1)]
    value = base_value(economy, circle.value)
    return [*panels, (circle_drawing(steps), f"The circle is closed: everybody gave {value} and got {value}.")]


def _wallet_row(economy: Economy, pocket: Pocket) -> dict[str, Any]:
    name, before, wanted, after, changed, reason = pocket_cells(economy, pocket)
    return {
        "name": name,
        "before": before,
        "wanted": wanted,
        "after": after,
        "changed": changed or reason,
        "sizes": (pocket.before, pocket.goal, pocket.after),
        "whole": max(pocket.before, pocket.goal, pocket.after),
    }


def _figures(economy: Economy, outcome: Outcome, report: Report) -> dict[str, str]:
    traded = {debtor_id for flow in outcome.flows for debtor_id in flow.given}
    return {
        "changed hands, in value": base_value(economy, report.traded_value or 0.0),
        "of the most that is possible": share(report),
        f"of {report.traders:,} traders with offers got something": f"{len(outcome.flows):,} traders",
        "made it happen": f"{report.takings + report.givings + report.collector_transfers:,} payments",
        f"of {len(economy.currencies):,} were traded": f"{len(traded):,} currencies",
    }


def _offers(report: Report) -> Markup:
    steps = [
        Step(reason, count, f"{count:,} offers", EXPLANATIONS.get(reason, "")) for reason, count in by_count(report)
    ]
    traded = report.takings + report.givings
    whole = traded + sum(report.untraded.values())
    return waterfall(
        Step("offered", whole, f"{whole:,} offers", "an offer: so much of a currency, to give or to get"),
        steps,
        Step("traded", traded, f"{traded:,} offers", "wholly or in part"),
    )


def _tree(economy: Economy, outcome: Outcome) -> Markup:
    """Currencies by their pegs, with the value that was given of each, also of those that are pegged to it."""
    values: dict[int, float] = defaultdict(float)
    for flow in outcome.flows:
        for debtor_id, tokens in flow.given.items():
            values[debtor_id] += tokens * economy.currency_by_id[debtor_id].price
    weights = dict(values)
    for currency in sorted(economy.currencies, key=lambda currency: -currency.depth):
        if currency.peg_debtor_id is not None:
            own = weights.get(currency.debtor_id, 0.0)
            weights[currency.peg_debtor_id] = weights.get(currency.peg_debtor_id, 0.0) + own
    return peg_tree(
        [
            Peg(
                currency.debtor_id,
                currency.peg_debtor_id,
                currency.name,
                rate(economy, currency),
                f"{base_value(economy, values[currency.debtor_id])} traded" if values[currency.debtor_id] else "",
                weights.get(currency.debtor_id, 0.0),
            )
            for currency in economy.currencies
        ]
    )


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
        written=partial(base_value, economy),
    )


def _search(story: Story) -> Markup:
    """Everybody's wallet; who traded most comes first."""
    economy = story.economy
    found = wallets(economy, story.before.principals, story.after.principals, story.reasons)
    value = {flow.creditor_id: flow.value for flow in story.outcome.flows}
    people = sorted(economy.traders, key=lambda trader: (-value.get(trader.creditor_id, 0.0), trader.creditor_id))

    def about(creditor_id: int) -> str:
        trader = economy.trader_by_id[creditor_id]
        who = f"{'A business' if trader.is_business else 'Somebody'} in {trader.city}, {trader.country}"
        gave = value.get(creditor_id, 0.0)
        did = f"gave {base_value(economy, gave)} in value, and got as much" if gave else "traded nothing"
        return f"{who}; {did}. ID {creditor_id % 2**64}."

    return trader_search(
        ("currency", "before", "wanted", "after", "the turn", "why not"),
        (
            Found(
                trader.name,
                about(trader.creditor_id),
                [pocket_cells(economy, pocket) for pocket in found[trader.creditor_id]],
            )
            for trader in people
        ),
        (1, 2, 3, 4),
        len(people),
    )


def _conservation_rows(economy: Economy, outcome: Outcome) -> list[tuple[str, ...]]:
    return [
        (
            economy.currency_by_id[c.debtor_id].name,
            amount(economy.currency_by_id[c.debtor_id], c.before.circulating),
            amount(economy.currency_by_id[c.debtor_id], c.after.circulating),
            amount(economy.currency_by_id[c.debtor_id], c.with_collectors),
            "yes" if c.is_conserved else "NO",
        )
        for c in outcome.conservation
    ]

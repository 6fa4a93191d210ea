"""Tells the figures of the solver's benchmark: tables on the terminal, docs/solver-benchmark.md and its chart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import isnan
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.markets import FAMILIES
from benchmarks.relaxed import ALTERNATIVES, CEILING

Figures = dict[str, Any]
BARE = next(iter(ALTERNATIVES))
STEPS = ("load", "price", "match", "settle", "collectors", "check", "write")


def key(result: Figures) -> tuple[int, str, int]:
    """The market of a result: (offers asked for, family, minimum)."""
    return result["size"], result["family"], result["minimum"]


def solver_rows(results: Sequence[Figures]) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the solver's table."""
    bare = {key(result): result["seconds"] for result in results if result["what"] == BARE}
    ceiling = {key(result): result["traded_value"] for result in results if result["what"] == CEILING}
    rows = []
    for result in results:
        if result["what"] == "solve":
            total = sum(result["seconds"].values())
            rows.append(
                [
                    result["family"],
                    f"{result['offers']:,}",
                    f"{result['minimum']:,}",
                    percent(result["share_of_bound"]),
                    # A value beyond floats, which absurd prices make, is no figure.
                    percent(result["traded_value"] and result["traded_value"] / ceiling[key(result)]),
                    f"{result['traders_served']:,} of {result['traders']:,}",
                    *(seconds(result["seconds"][step]) for step in STEPS),
                    seconds(total),
                    f"{result['memory_bytes'] / 2**20:,.0f}",
                    seconds(bare[key(result)]),
                    f"{total / bare[key(result)]:.2f}",
                ]
            )
    head = ["family", "offers", "minimum", "share of bound", "of ceiling", "traders served", *STEPS]
    return [*head, "total s", "peak MiB", "bare s", "ratio"], rows


def alternative_rows(results: Sequence[Figures]) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the table beside other ways to do it, on the markets where these were tried."""
    compared = {key(result) for result in results if result["what"] not in ("solve", BARE, CEILING)}
    rows = []
    for market in sorted(compared):
        here = {r["what"]: r for r in results if key(r) == market and r["what"] != CEILING}
        bound = here["solve"]["upper_bound"]
        rows += [[f"{here['solve']['offers']:,}", *_alternative(what, here[what], bound)] for what in here]
    return ["offers", "what", "s", "peak MiB", "share of bound", "trades", "below the minimum", "whole tokens"], rows


def _alternative(what: str, result: Figures, bound: float) -> list[str]:
    if "more_than_seconds" in result:
        return [what, f"more than {result['more_than_seconds']:.0f}", "", "", "", "", ""]
    memory = f"{result['memory_bytes'] / 2**20:,.0f}"
    if what == "solve":
        trades = f"{result['takings'] + result['givings']:,}"
        total = seconds(sum(result["seconds"].values()))
        return ["**swpt-trade**", total, memory, percent(result["share_of_bound"]), trades, "0", "yes"]
    share = percent(result["traded_value"] / bound)
    return [what, seconds(result["seconds"]), memory, share, f"{result['trades']:,}", f"{result['too_small']:,}", "no"]


def collector_rows(results: Sequence[Figures]) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the table of collector transfers: for each family the biggest market with the least minimum."""
    solved = [result for result in results if result["what"] == "solve"]
    biggest = {result["family"]: result for result in sorted(solved, key=lambda r: (r["size"], -r["minimum"]))}
    rows = []
    for result in sorted(biggest.values(), key=lambda r: list(FAMILIES).index(r["family"])):
        saved = result["collectors"]
        rows.append(
            [
                result["family"],
                f"{result['offers']:,}",
                f"{saved['payments']:,}",
                f"{saved['transfers']:,}",
                f"{saved['random_transfers']:,.0f}",
                percent(saved["share"], 1),
                percent(saved["random_share"], 1),
            ]
        )
    head = ["family", "offers", "payments", "transfers", "at random", "value sent on, of what is traded", "at random"]
    return head, rows


def percent(share: float | None, digits: int = 4) -> str:
    return "" if share is None or isnan(share) else f"{share:.{digits}%}"


def seconds(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.2f}" if number < 10 else f"{number:.1f}"


def with_sizes(figures: Figures) -> list[Figures]:
    """The results; `size` is the number of offers asked for, `offers` the one the market has."""
    sizes = {}
    results = []
    for result in figures["results"]:
        market = result["size"], result["family"]
        if result["what"] == "solve":
            sizes[market] = result["offers"]
        results.append({"offers": sizes.get(market, result["size"]), **result})
    return results


def print_tables(figures: Figures, console: Console) -> None:
    """Shows everything on the terminal."""
    results = with_sizes(figures)
    tables: list[tuple[str, Callable[[Sequence[Figures]], tuple[list[str], list[list[str]]]]]] = [
        ("The solver", solver_rows),
        ("Beside others", alternative_rows),
        ("Transfers between collectors", collector_rows),
    ]
    for title, rows_of in tables:
        head, rows = rows_of(results)
        if rows:
            table = Table(*head, title=title)
            for row in rows:
                table.add_row(*(cell.strip("*") for cell in row))
            console.print(table)


def write_document(figures: Figures, folder: Path) -> None:
    """Writes solver-benchmark.md and solver-benchmark.svg into the folder."""
    results = with_sizes(figures)
    draw_chart(results, folder / "solver-benchmark.svg")
    about = figures["about"]
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    machine = (
        f"{about['cores']} cores of {about['processor']}, {about['memory_gib']} GiB, {about['system']}; {versions}"
    )
    families = "\n".join(f"- **{name}**: {family.about}" for name, family in FAMILIES.items())
    text = TEXT.format(
        machine=machine,
        families=families,
        solver=_markdown(*solver_rows(results)),
        alternatives=_markdown(*alternative_rows(results), texts=2),
        collectors=_markdown(*collector_rows(results)),
    )
    (folder / "solver-benchmark.md").write_text(text, encoding="utf-8")


def draw_chart(results: Sequence[Figures], path: Path) -> None:
    """Seconds by offers for everything that ran on typical markets with the least minimum, both axes logarithmic."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "solver-benchmark", "svg.fonttype": "none", "font.size": 11})
    from matplotlib import pyplot

    lines: dict[str, list[tuple[int, float]]] = {}
    least = min(result["minimum"] for result in results)
    for result in results:
        if result["family"] == "typical" and result["minimum"] == least and "seconds" in result:
            is_solver = result["what"] == "solve"
            spent = sum(result["seconds"].values()) if is_solver else result["seconds"]
            lines.setdefault("swpt-trade, all steps" if is_solver else result["what"], []).append(
                (result["offers"], spent)
            )
    figure, axes = pyplot.subplots(figsize=(8.5, 5))
    for name, points in lines.items():
        is_solver = name.startswith("swpt")
        axes.plot(*zip(*sorted(points), strict=True), marker="o", label=name, linewidth=3 if is_solver else 1.5)
    axes.set(xscale="log", yscale="log", xlabel="offers", ylabel="seconds")
    axes.grid(which="major", color="#dddddd")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="upper left")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def _markdown(head: list[str], rows: list[list[str]], texts: int = 1) -> str:
    """A table; the first columns are texts, the others numbers. Groups of rows are set apart by their first column."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * texts}{'---:|' * (len(head) - texts)}"]
    previous = ["", *(row[0] for row in rows)]
    for (before, now), row in zip(pairwise(previous), rows, strict=True):
        lines.append(f"| {' | '.join([now if now != before else '', *row[1:]])} |")
    return "\n".join(lines)


TEXT = """\
# The solver, measured

Written by `make bench-solver`; do not edit. {machine}.

Each line is a market solved in a process of its own, from parquet files to parquet files. *Share of bound* is the
value traded, as a share of what could be traded without a minimum amount and with parts of tokens: no answer reaches
more. The *ceiling* is lower: what could be traded in parts of tokens when offers are left out that cannot reach the
minimum amount, because all that their trader, or others in their currency, offer in return is too little. No answer
that keeps the minimum reaches more. (Where an odd market has a bound that is hardly reached at all, it consists of
immense values that nobody can trade in whole tokens.) *Peak* is memory above that of the imported packages. *Bare* is
what OR-Tools' SimpleMinCostFlow needs, alone, to compute the bound on the same offers; *ratio* says how many times
that the whole pipeline takes. A larger minimum leaves fewer offers in the same market, because workers ship none that
is below it, and none of a trader who has nothing to give or nothing to get.

{solver}

The markets:

{families}

## Beside others

![Seconds by number of offers](solver-benchmark.svg)

What one could take instead, on typical markets with a minimum of 1,000. Only finding the flows is timed: none of
these reads files, keeps the minimum, finds whole tokens that add up, chooses collectors or checks the answer. *Below
the minimum* are trades that nobody may make. The greedy search goes from circle to circle, the largest offers first,
as is usual for circular trade.

{alternatives}

## Collectors

Sellers pay to collectors, which pay buyers. Where a collector has too little, another one sends it the rest: one more
payment, which takes time and costs fees. Buyers are spread over the collectors in proportion to what these collected;
*at random* means that each buyer gets any collector of the currency. The number of transfers can hardly be less:
amounts are arbitrary, so each collector is left with some rest, large or small.

{collectors}
"""

"""The answer of the solver in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import polars as pl

from pipelines.solver.report import Report

EXPLANATIONS = {
    "missing value": "an ID or the amount is missing",
    "creditor 0": "nobody has this ID",
    "collector 0": "nobody has this ID",
    "amount not positive": "there is nothing to trade",
    "below minimum": "the offer is smaller than the minimum trade amount",
    "both sides of an account": "the same trader sells and buys the same currency",
    "second offer of an account": "only the larger one counts",
    "no price": "the currency is not confirmed, or no usable chain of pegs leads to the base currency",
    "one-sided trader": "the trader only sells or only buys, of what can be traded",
    "value too small for the scale": "next to the largest offers it is not worth a unit",
    "trader dropped by the final check": "the answer could not be made exact for this trader",
    "no circle": "no circle of trades leads through the offer, or none was left for it",
    "lost to the minimum": "it would trade if less than the minimum trade amount could be traded",
    "the optimiser failed": "no flow was found, which is a fault: please report it",
    "no time left": "the time limit ended the search",
}


def summary(report: Report) -> Iterator[str]:
    """The result in a few lines, for the terminal."""
    yield f"offers       {report.offers:,} of {report.traders:,} traders"
    yield f"traded       {base_tokens(report.traded_value)}, {share(report)} of the upper bound"
    yield f"gap          {base_tokens(gap(report))} to the bound, which knows no minimum and no whole tokens"
    yield f"served       {report.traders_served:,} traders"
    yield (
        f"payments     {report.takings:,} takings, {report.givings:,} givings, "
        f"{report.collector_transfers:,} between collectors"
    )
    yield f"untraded     {sum(report.untraded.values()):,} offers"
    for reason, count in by_count(report):
        yield f"  {count:>12,}  {reason}: {EXPLANATIONS.get(reason, '')}".rstrip(": ")
    yield f"time         {sum(report.seconds.values()):.2f} s, memory {report.peak_memory_bytes / 2**20:,.0f} MiB"
    if report.time_limit_reached:
        yield "warning: the time limit ended the search: another run may find another answer"
    left_out = {f"{count} offers left out: {reason}" for reason, count in report.left_out.items()}
    for warning in report.warnings:
        if warning not in left_out:
            yield f"warning: {warning}"


def what_would_help_lines(helpful: pl.DataFrame, named: Callable[[int], str]) -> Iterator[str]:
    """A sentence for each currency in which one more trader would have let others trade more (see bottlenecks.py)."""
    rows = helpful.filter(pl.col("extra_value") > 0).select("debtor_id", "is_buyer", "extra_value").rows()
    for debtor_id, is_buyer, extra in rows:
        who = "buyers" if is_buyer else "sellers"
        yield f"more {who} of {named(debtor_id)} would have let others trade {base_tokens(extra)} more"
    if not rows:
        yield "one more trader would not have let others trade more, in any currency"


def gap(report: Report) -> float | None:
    """What the upper bound has more than was traded, in base tokens; None when it is beyond doubles."""
    if report.upper_bound is None or report.traded_value is None:
        return None
    return max(0.0, report.upper_bound - report.traded_value)


def base_tokens(value: float | None) -> str:
    """A value in words."""
    return "more than 10^308 base tokens" if value is None else f"{value:,.0f} base tokens"


def by_count(report: Report) -> list[tuple[str, int]]:
    """The reasons why offers stay untraded, with the number of offers, the most frequent first."""
    return sorted(report.untraded.items(), key=lambda item: (-item[1], item[0]))


def share(report: Report) -> str:
    """The share of the upper bound that is traded; never rounded up to all of it."""
    if report.share_of_bound is None:
        return "an unknown share" if report.upper_bound is None else "all"
    if 0.999999 < report.share_of_bound < 1.0:
        return "more than 99.9999%"
    return f"{report.share_of_bound:.4%}"

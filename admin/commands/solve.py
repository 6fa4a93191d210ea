"""Solve a turn without any database."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from admin.commands.collector_arguments import show_id
from admin.commands.folders import check_folder
from admin.commands.tables import as_json as json_option
from admin.commands.tables import print_json

if TYPE_CHECKING:
    import polars as pl

    from pipelines.names import CurrencyName

_CIRCLES = 100
"""So many are looked through for one that is easy to draw."""


@click.command()
@click.argument("input_dir", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("output_dir", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--time-limit",
    metavar="SECONDS",
    type=click.FloatRange(min=0.0, min_open=True),
    help="Then take the best answer found so far.",
)
@click.option(
    "--report",
    "report_file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write a page about the answer: HTML, which opens without a network.",
)
@click.option(
    "--set",
    "changes",
    metavar="NAME=VALUE",
    multiple=True,
    help="What if? Replaces a parameter of meta.json, such as min_trade_amount=5000. Can be repeated.",
)
@click.option(
    "--circles",
    "circles_file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write the circles of value, largest first: .parquet or .csv.",
)
@click.option("--progress/--no-progress", default=None, help="Show how far it is. Default: on a terminal.")
@click.option(
    "--what-would-help", is_flag=True, help="Say in which currencies one more trader would have let others trade more."
)
@json_option
def solve(
    input_dir: Path,
    output_dir: Path,
    time_limit: float | None,
    report_file: Path | None,
    changes: tuple[str, ...],
    circles_file: Path | None,
    progress: bool | None,
    what_would_help: bool,
    as_json: bool,
) -> None:
    """Solve one turn offline: read a market from files, write who gives and takes what.

    INPUT_DIR holds currencies, collector_accounts, sell_offers and buy_offers, each a .parquet or .csv file or a folder
    of them, and meta.json; names (debtor_id, name, abbreviation) of currencies may be there, too. Every value is taken
    exactly, or refused with its file, row and column. OUTPUT_DIR gets
    takings.parquet, givings.parquet, collector_transfers.parquet, untraded_offers.parquet (with the reason of each),
    prices.parquet and report.json; with --report also circles.parquet, the largest ones. `swpt-trade export_turn`
    writes such an INPUT_DIR from the archive of a turn, and `swpt-trade compare` says what is different between two
    OUTPUT_DIRs.
    """
    from admin.commands.solver_progress import SolverProgress
    from pipelines.solver.archived import exported_meta
    from pipelines.solver.market import MarketError
    from pipelines.solver.solve import solve_directory
    from pipelines.solver.write import NotWritten, writing
    from reports.solution_text import summary, what_would_help_lines

    if input_dir.resolve() == output_dir.resolve() and exported_meta(input_dir):
        raise click.UsageError("the answer that the turn had is in this directory: choose another OUTPUT_DIR")
    check_folder(output_dir)
    if report_file is not None:
        check_folder(report_file.absolute().parent)
    if circles_file is not None:
        check_folder(circles_file.absolute().parent)
    is_shown = sys.stderr.isatty() if progress is None else progress
    try:
        with SolverProgress() if is_shown else nullcontext() as observer:
            report = solve_directory(
                input_dir,
                output_dir,
                time_limit=time_limit,
                observer=observer,
                changes=changes,
                circles_file=circles_file,
                largest_circles=0 if report_file is None else _CIRCLES,
            )
        helpful = _what_would_help(input_dir, changes) if what_would_help else None
        if report_file is not None:
            from reports.solution_page import write_solution_page

            with writing(report_file):
                write_solution_page(report_file, input_dir, output_dir, report)
    except (MarketError, NotWritten) as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        would_have_helped = {} if helpful is None else {"would_have_helped": _as_objects(helpful, output_dir)}
        print_json(asdict(report) | would_have_helped)
        return
    for line in summary(report):
        click.echo(line)
    if helpful is not None:
        for line in what_would_help_lines(helpful, _named(output_dir)):
            click.echo(line)
    if not changes:
        from pipelines.solver.same_answer import said_of_archived

        for line in said_of_archived(input_dir, output_dir):
            click.echo(line)
    if report_file is not None:
        click.echo(f"page         {report_file}")


def _what_would_help(input_dir: Path, changes: tuple[str, ...]) -> pl.DataFrame:
    from pipelines.solver.bottlenecks import bottlenecks
    from pipelines.solver.load import load_directory
    from pipelines.solver.what_if import changed

    return bottlenecks(changed(load_directory(input_dir), changes))


def _named(output_dir: Path) -> Callable[[int], str]:
    """A function that names the currencies of an answer."""
    from pipelines.names import with_id

    names = _names(output_dir)
    return lambda debtor_id: with_id(debtor_id, names)


def _names(output_dir: Path) -> dict[int, CurrencyName]:
    import polars as pl

    from pipelines.names import names_in

    return names_in(pl.read_parquet(output_dir / "prices.parquet"))


def _as_objects(helpful: pl.DataFrame, output_dir: Path) -> list[dict[str, Any]]:
    """Currencies, with IDs as in the Web API, where one more trader would have let others trade more."""
    names = _names(output_dir)
    return [
        {
            **row,
            "debtor_id": show_id(row["debtor_id"]),
            **{kind: getattr(names.get(row["debtor_id"]), kind, None) for kind in ("name", "abbreviation")},
        }
        for row in helpful.to_dicts()
        if row["extra_value"] > 0
    ]

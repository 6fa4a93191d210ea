"""Solve a turn without any database."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path

import click


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
@click.option("--progress/--no-progress", default=None, help="Show how far it is. Default: on a terminal.")
def solve(
    input_dir: Path, output_dir: Path, time_limit: float | None, report_file: Path | None, progress: bool | None
) -> None:
    """Solve one turn offline: read a market from parquet files, write who gives and takes what.

    INPUT_DIR holds currencies.parquet, collector_accounts.parquet, sell_offers.parquet, buy_offers.parquet and
    meta.json; OUTPUT_DIR gets takings.parquet, givings.parquet, collector_transfers.parquet, untraded_offers.parquet
    (with the reason of each) and report.json.
    """
    from admin.commands.solver_progress import SolverProgress
    from pipelines.solver.market import MarketError
    from pipelines.solver.solve import solve_directory
    from reports.solution_text import summary

    is_shown = sys.stderr.isatty() if progress is None else progress
    try:
        with SolverProgress() if is_shown else nullcontext() as observer:
            report = solve_directory(input_dir, output_dir, time_limit=time_limit, observer=observer)
    except MarketError as error:
        raise click.ClickException(str(error)) from None
    for line in summary(report):
        click.echo(line)
    if report_file is not None:
        from reports.solution_page import write_solution_page

        write_solution_page(report_file, input_dir, output_dir, report)
        click.echo(f"page         {report_file}")

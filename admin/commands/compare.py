"""`swpt-trade compare`: what changed between two answers of the solver."""

from __future__ import annotations

from pathlib import Path

import click

from admin.commands.folders import check_folder
from admin.commands.working import working

_DIRECTORY = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.argument("first", metavar="DIR", type=_DIRECTORY)
@click.argument("second", metavar="DIR", type=_DIRECTORY)
@click.option("--most", default=10, show_default=True, type=click.IntRange(1, 10_000), help="Lines of each list.")
@click.option(
    "--report",
    "report_file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write a page about it: HTML, which opens without a network.",
)
@click.option("--json", "is_json", is_flag=True, help="Print JSON instead; IDs are signed numbers.")
def compare(first: Path, second: Path, most: int, report_file: Path | None, is_json: bool) -> None:
    """Say what changed from one answer to another, in total and for whom.

    Each DIR was written by `solve` or `export_turn`. Traders are compared by the value that they give, in base tokens.
    """
    import json
    from dataclasses import asdict

    from pipelines.solver import comparison
    from pipelines.solver.market import MarketError
    from pipelines.solver.write import NotWritten, writing
    from reports.comparison_text import comparison_lines

    if report_file is not None:
        check_folder(report_file.absolute().parent)
    try:
        with working("comparing"):
            answers = comparison.load_answer(first), comparison.load_answer(second)
            found = comparison.compare(*answers, most)
            if report_file is not None:
                from reports.comparison_page import write_comparison_page

                with writing(report_file):
                    write_comparison_page(report_file, found, *answers)
    except (MarketError, NotWritten) as error:
        raise click.ClickException(str(error)) from None
    if is_json:
        click.echo(json.dumps(asdict(found), indent=2))
        return
    for line in comparison_lines(found):
        click.echo(line)
    if report_file is not None:
        click.echo(f"page: {report_file}")

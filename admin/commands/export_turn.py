"""`swpt-trade export_turn`: the archive of a turn as a directory of files."""

from __future__ import annotations

from pathlib import Path

import click

from admin.commands.collectors import solver_database
from admin.commands.tables import as_json as json_option
from admin.commands.tables import print_json
from admin.commands.working import working


@click.command("export_turn")
@click.argument("turn_id", metavar="TURN", type=click.IntRange(1, 2**31 - 1))
@click.argument("directory", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@json_option
def export_turn(turn_id: int, directory: Path, as_json: bool) -> None:
    """Write what a turn traded, and why, to a directory.

    DIR gets what `swpt-trade solve DIR` reads (the offers, currencies and collector accounts that the turn was solved
    with), and beside it the prices with their paths of pegs, the result, the reason of each untraded offer, and the
    report. Needs SOLVER_POSTGRES_URL. APP_ARCHIVED_TURNS says how many turns are kept.
    """
    from pipelines.solver import archived

    try:
        with solver_database() as (solver, _), working(f"reading turn {turn_id}"):
            started_at = archived.archive_of(solver, turn_id)
            files = archived.archived_files(solver, turn_id, started_at)
            _prepare(directory, [file.name for file in files])
            for file in files:
                with (directory / file.name).open("wb") as target:
                    target.writelines(archived.read_archived(solver, turn_id, started_at, file))
    except archived.NotArchived as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{error.filename or directory}: {error.strerror}") from None
    size = sum(file.size for file in files)
    is_cut_short = archived.was_cut_short(directory)
    if as_json:
        print_json(
            {
                "turn_id": turn_id,
                "started_at": started_at.isoformat(),
                "directory": str(directory),
                "files": [file.name for file in files],
                "bytes": size,
                "time_limit_reached": is_cut_short,
            }
        )
        return
    started = started_at.isoformat(sep=" ", timespec="seconds")
    click.echo(f"turn {turn_id}, started at {started}: {len(files)} files, {size / 1e6:,.1f} MB, in {directory}")
    if is_cut_short:
        click.echo("the time limit had been reached when it was solved: solving it again may give another answer")


def _prepare(directory: Path, names: list[str]) -> None:
    """Makes the directory, which must have none of the files: nothing is overwritten."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in names:
        if (directory / name).exists():
            raise click.ClickException(f"{directory / name} exists already: choose another directory")

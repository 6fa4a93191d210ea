"""`swpt-trade import_databases`: takes over the databases of a running installation."""

from __future__ import annotations

import sys

import click

from admin.commands.operator import operator_name
from admin.commands.options import configuration, secret_option


@click.command("import_databases")
@secret_option(
    "--old-solver-url",
    variable="OLD_SOLVER_POSTGRES_URL",
    what="The old solver database, as the role whose tables are there. [default: SOLVER_POSTGRES_URL]",
)
@secret_option(
    "--old-worker-url",
    variable="OLD_WORKER_POSTGRES_URL",
    what="The old database of this worker, likewise. [default: WORKER_POSTGRES_URL]",
)
@click.option("--dry-run", is_flag=True, help="Say what would be taken over and what is in the way; write nothing.")
@click.option("--allow-in-flight", is_flag=True, help="Import also what is still under way; then there is no way back.")
def import_databases(
    old_solver_url: str | None, old_worker_url: str | None, dry_run: bool, allow_in_flight: bool
) -> None:
    """Take over the solver database and this worker's database of the service that this one replaces.

    For releases 0.1.10 and 1.0. Run `configure` first, with the environment of this worker; then this, once for each
    worker; then start ours. Old databases and ours may be the same, or on different servers. The old tables are only
    read. Safe to repeat, also after a crash: a database that was imported is left as it is.

    Exits with status 1 when anything is in the way; then nothing is written.
    """
    import psycopg

    from admin.takeover.importing import ImportFailed, Order, run
    from admin.takeover.wording import lines
    from pipelines.texts import shown
    from service.loop import Unusable
    from sql.permanent import PermanentError

    order = Order(
        configuration("worker"),
        operator_name(),
        old_solver_url,
        old_worker_url,
        is_dry=dry_run,
        allows_in_flight=allow_in_flight,
    )
    try:
        outcome = run(order)
    except (psycopg.Error, Unusable, PermanentError, ImportFailed) as error:
        raise click.ClickException(str(error)) from None
    for line in lines(outcome, is_dry=dry_run):
        click.echo(shown(line, 100_000))
    if outcome.obstacles:
        sys.exit(1)

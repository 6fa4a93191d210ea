"""What waits in a worker's database."""

from __future__ import annotations

import click

from admin.commands.options import configuration

_LIMIT = 1_000_000


@click.command()
def pending() -> None:
    """Show how many messages wait in this worker's database, by type, and how many were set aside.

    Needs WORKER_POSTGRES_URL. Queues are counted up to a million.
    """
    import psycopg

    from service.databases import check_schema, connect
    from service.loop import Unusable
    from settings.urls import hide_passwords

    config = configuration("worker")
    try:
        with connect(config.worker_postgres_url, "pending") as worker:
            check_schema(worker, "worker")
            rows = worker.execute(
                "select kind, queue, message_type, messages, oldest_seconds from worker.queue_figures(%s)", (_LIMIT,)
            ).fetchall()
    except (psycopg.Error, Unusable) as error:
        raise click.ClickException(hide_passwords(str(error).strip())) from None
    click.echo(f"{'messages':>9}  {'oldest':>9}  what")
    for kind, queue, message_type, messages, oldest_seconds in rows:
        click.echo(f"{messages:>9,}  {oldest_seconds:>7,.0f} s  {_DESCRIPTIONS[kind].format(queue, message_type)}")


_DESCRIPTIONS = {
    "inbox": "received, to be applied: {0}",
    "outbox": "to be sent: {1}",
    "requests": "requests to the solver",
    "unroutable": "to be sent again, no queue wanted them",
    "set_aside": "set aside, could not be applied",
    "failed": "payments given up for good, see worker.failed_transfer",
}

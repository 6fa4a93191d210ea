"""What waits in a worker's database."""

from __future__ import annotations

import click

from admin.commands.options import configuration
from admin.commands.tables import Field, as_json, objects, print_json

_LIMIT = 1_000_000
_FIELDS = tuple(Field(name, name) for name in ("kind", "queue", "messageType", "messages", "oldestSeconds"))


@click.command()
@as_json
def pending(as_json: bool) -> None:
    """Count what waits in this worker's database.

    Messages to apply and to send, by type, and those that were set aside.

    Needs WORKER_POSTGRES_URL. Queues are counted up to a million.
    """
    import psycopg

    from service.databases import check_schema, opened
    from service.loop import Unusable

    config = configuration("worker", used=("WORKER_POSTGRES_URL",))
    try:
        with opened(config.worker_postgres_url, "worker", "pending") as worker:
            check_schema(worker, "worker")
            rows = worker.execute(
                "select kind, queue, message_type, messages, oldest_seconds from worker.queue_figures(%s)", (_LIMIT,)
            ).fetchall()
    except (psycopg.Error, Unusable) as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        print_json(objects(_FIELDS, rows))
        return
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

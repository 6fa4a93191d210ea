"""What operators do about a worker's queue after trouble."""

from __future__ import annotations

import click

from admin.commands.options import configuration, setting


@click.command("requeue_dead_letters")
@setting("-u", "--url", variable="PROTOCOL_BROKER_URL", kind=str, what="Address of RabbitMQ.")
@setting("-q", "--queue", variable="PROTOCOL_BROKER_QUEUE", kind=str, what="The worker's queue.")
@click.option(
    "--reason",
    type=click.Choice(["delivery_limit", "rejected", "expired", "maxlen"]),
    default="delivery_limit",
    show_default=True,
    help="Those that the broker took out of the queue for this: given back too often, refused by the worker, …",
)
@click.option("--limit", type=click.IntRange(min=1), help="Most messages to move. [default: all]")
@click.option("--dry-run", is_flag=True, help="Only count them.")
@click.option("--offset", type=click.IntRange(min=0), default=0, help="Where to begin, in a stream. [default: 0]")
def requeue_dead_letters(reason: str, limit: int | None, dry_run: bool, offset: int) -> None:
    """Put dead letters of this worker's queue back into it.

    Takes them from the queue whose name ends with .XQ. Those that died of something else stay there. A stream keeps
    all: it is told where to begin the next time, so that none goes back twice, which does no harm. Needs a user who
    may read that queue and write to the default exchange (amq.default).
    """
    from bridge.rabbitmq.requeue import requeue
    from bridge.rabbitmq.setup import TopologyError

    config = configuration("worker")
    queue = config.protocol_broker_queue
    try:
        done = requeue(
            config.protocol_broker_url, queue, reason, config.broker_files, limit=limit, is_dry=dry_run, offset=offset
        )
    except (TopologyError, OSError) as error:
        raise click.ClickException(str(error).strip()) from None
    moved = "would be moved" if dry_run else "moved"
    click.echo(f"{done.moved} {moved} from {queue}.XQ to {queue}, {done.left} left there")
    if done.next_offset is not None:
        click.echo(f"{queue}.XQ is a stream, which keeps them: begin with --offset {done.next_offset} the next time")
    if done.forged:
        click.echo(f"{done.forged} of these are from an accounting authority, and such as it must not send")


@click.command("resume_consumption")
@setting("-q", "--queue", variable="PROTOCOL_BROKER_QUEUE", kind=str, what="The worker's queue.")
def resume_consumption() -> None:
    """Let this worker take messages again from a queue that brought it messages of other shards.

    First mend the queue's bindings, or the settings, and move the messages that belong elsewhere: while most of its
    messages are of other shards, the worker stops again. An empty queue needs no such command.
    """
    import psycopg

    from service.databases import check_schema
    from service.loop import Unusable
    from service.parts.stop_sign import StopSign
    from sql.connections import connect

    config = configuration("worker")
    queue = config.protocol_broker_queue
    try:
        with connect(config.worker_postgres_url, "resume") as worker:
            check_schema(worker, "worker")
            was_stopped = StopSign(worker, queue, config.realm.binding_key).remove()
    except (psycopg.Error, Unusable) as error:
        raise click.ClickException(str(error).strip()) from None
    resumed = "it is consumed again when the consumer starts next; a worker starts it within a minute"
    click.echo(f"{queue}: {resumed if was_stopped else 'nothing kept it from being consumed'}")


COMMANDS = (requeue_dead_letters, resume_consumption)

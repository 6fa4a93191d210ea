"""The command `replay_journal`: the messages of the time that a worker's database has lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import click

from admin.commands.options import configuration, setting

_EARLIER = timedelta(hours=1)
"""Clocks differ, and what is handled twice does no harm."""

_WHEN = """
select worker.is_ready_for_journal(), worker.now(), min(s.last_seen_at)
from worker.step_back as s
where s.ended_at is null
"""


@click.command("replay_journal")
@setting("-q", "--queue", variable="PROTOCOL_BROKER_QUEUE", kind=str, what="The worker's queue.")
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"]),
    help="Begin here; UTC unless it says otherwise. [default: an hour before this database was seen last]",
)
@click.option("--even-if-unneeded", is_flag=True, help="Also when nothing is known to be in doubt. Needs --since.")
def replay_journal(since: datetime | None, even_if_unneeded: bool) -> None:
    """Handle the messages once more that this worker got in the time its database has lost.

    For after a restore, with APP_JOURNAL_PERIOD: the stream <queue>.journal has them, at each of the brokers. Workers
    may run meanwhile. Repeating it does no harm.
    """
    import psycopg

    from bridge.inbound import ForeignShard
    from bridge.rabbitmq.journal import Journal
    from bridge.wire.ports import SourceError
    from bridge.wire.topology import JOURNAL_SUFFIX
    from service.databases import lane_count, open_worker
    from service.loop import Unusable
    from service.wiring import Wiring

    if even_if_unneeded and since is None:
        raise click.UsageError("--even-if-unneeded needs --since")
    config = configuration("worker")
    queues = [config.protocol_queue, *([config.internal_queue] if config.has_internal_broker else [])]
    try:
        with open_worker(config, "replay_journal") as worker:
            begin = _moment(worker.execute(_WHEN).fetchone(), since, even_if_unneeded)
            for queue in queues:
                name = queue.name + JOURNAL_SUFFIX
                journal = Journal(
                    queue.url, name, begin, files=config.broker_files, most_bytes=config.app_max_message_bytes
                )
                try:
                    inbound = Wiring(config).inbound(journal, worker, lane_count(worker))
                    while not journal.is_read:
                        inbound.run_once(0.0)
                finally:
                    journal.close()
                refused = f", {inbound.dead_letters:,} refused as before" if inbound.dead_letters else ""
                click.echo(f"{name} since {begin:%Y-%m-%d %H:%M:%S} UTC: {inbound.stored:,} messages{refused}")
    except ForeignShard as error:
        raise click.ClickException(f"the journal is that of another shard: {error}") from None
    except (SourceError, Unusable, psycopg.Error) as error:
        raise click.ClickException(f"{error}; run it again: what was handled twice does no harm") from None


def _moment(row: Any, since: datetime | None, is_forced: bool) -> datetime:
    is_ready, now, last_seen_at = row
    if not is_forced and last_seen_at is None:
        raise click.ClickException("nothing is in doubt: this database has noticed no step back that is still open")
    if not is_forced and not is_ready:
        raise click.ClickException(
            "not yet: the results of the turns in doubt are not here. Let the worker run, and try again in a minute"
        )
    begin: datetime = last_seen_at - _EARLIER if since is None else since
    begin = begin.replace(tzinfo=UTC) if begin.tzinfo is None else begin.astimezone(UTC)
    if begin > now:
        raise click.UsageError("--since is in the future")
    return begin

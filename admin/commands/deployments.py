"""What deployments run before a worker starts, and while a shard is split."""

from __future__ import annotations

import os
import sys
import time

import click

from admin.commands.options import configuration

LOOK_SECONDS = 10.0
"""From one look at the databases to the next."""


@click.command("await_migrations")
def await_migrations() -> None:
    """Wait until `configure` has brought both databases to this release.

    Looks every 10 seconds, for ever. Databases of a later release are fine, as long as it works together with this one.
    Without WORKER_POSTGRES_URL only the solver's is waited for. Errors that no waiting heals, such as a missing role
    or database, end it at once, and say what to do.
    """
    from service.awaiting import what_is_awaited
    from sql.permanent import PermanentError

    variables = ["SOLVER_POSTGRES_URL"]
    if any(os.environ.get(name, "").strip() for name in ("WORKER_POSTGRES_URL", "WORKER_POSTGRES_URL_FILE")):
        variables.append("WORKER_POSTGRES_URL")
    config = configuration("worker", used=variables)
    said = None
    try:
        while reason := what_is_awaited(config):
            # It may take hours.
            if reason != said:
                click.echo(f"waiting: {reason}")
            said = reason
            time.sleep(LOOK_SECONDS)
    except PermanentError as error:
        raise click.ClickException(str(error)) from None


@click.command("verify_shard_content")
def verify_shard_content() -> None:
    """Look whether this worker's database has only rows that belong to its shard.

    Exit status 0: it has. 1: it has others; the first one is told. The shard is that of
    PROTOCOL_BROKER_QUEUE_ROUTING_KEY, or that of the database where it is not set. Reads every table from end to end,
    in steps of about APP_VERIFY_SHARD_YIELD_PER rows, with pauses of APP_VERIFY_SHARD_SLEEP_SECONDS. Changes nothing,
    so the database may be in use, or read-only.
    """
    from service import shard_content
    from service.databases import opened
    from service.loop import Unusable

    config = configuration("worker", used=shard_content.VARIABLES)
    try:
        with opened(config.worker_postgres_url, "worker", "verify_shard_content") as worker:
            is_clean = shard_content.verify(worker, config)
    except Unusable as error:
        raise click.ClickException(str(error)) from None
    sys.exit(0 if is_clean else 1)


COMMANDS = (await_migrations, verify_shard_content)

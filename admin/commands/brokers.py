"""A worker's queues at the broker, or at both brokers: what jobs of deployments call before, and after, a worker."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import click

from admin.commands.options import Decorator, configuration, setting

if TYPE_CHECKING:
    from service.set_up import Report
    from settings.config import Config

VARIABLES = (
    "SETUP_RABBITMQ_BINDINGS",
    "PROTOCOL_BROKER_URL",
    "PROTOCOL_BROKER_QUEUE",
    "PROTOCOL_BROKER_QUEUE_ROUTING_KEY",
    "INTERNAL_BROKER_URL",
    "INTERNAL_BROKER_QUEUE",
    "APP_QUORUM_QUEUE",
    "APP_JOURNAL_PERIOD",
    "APP_BROKER_CA_FILE",
    "APP_BROKER_CERT_FILE",
    "APP_BROKER_KEY_FILE",
)
"""What setting up the brokers looks at."""

PAUSE_SECONDS = 3.0
"""From one look whether the queues are empty to the next."""

Result = TypeVar("Result")
_KEY = "PROTOCOL_BROKER_QUEUE_ROUTING_KEY"
_LIMIT = 1_000_000
_URL = setting("-u", "--url", variable="PROTOCOL_BROKER_URL", kind=str, what="Address of RabbitMQ.")
_QUEUE = setting("-q", "--queue", variable="PROTOCOL_BROKER_QUEUE", kind=str, what="The worker's queue.")
_BINDING = setting("-k", "--queue-routing-key", variable=_KEY, kind=str, what="Binding key of the queues.")
_INTERNAL_URL = setting(
    "-U", "--internal-url", variable="INTERNAL_BROKER_URL", kind=str, what="The RabbitMQ of internal messages."
)
_INTERNAL_QUEUE = setting(
    "-Q", "--internal-queue", variable="INTERNAL_BROKER_QUEUE", kind=str, what="The worker's queue there."
)


def _options(*decorators: Decorator) -> Decorator:
    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


@click.command()
@_options(_URL, _QUEUE, _BINDING, _INTERNAL_URL, _INTERNAL_QUEUE)
def subscribe() -> None:
    """Make the worker's exchanges and queues at the broker, and bind them.

    Safe to repeat. Queues that exist are used as they are. Connects to no database. With INTERNAL_BROKER_URL, also at
    the broker of internal messages; if that is no other broker, a queue that was made for them is not bound any more.
    """
    from service import brokers

    _run(brokers.subscribe)


@click.command()
@_options(_URL, _QUEUE, _BINDING, _INTERNAL_URL, _INTERNAL_QUEUE)
def unsubscribe() -> None:
    """Let no more messages come into the worker's queues. What is in them stays.

    Safe to repeat. Connects to no database.
    """
    from service import brokers

    _run(brokers.unsubscribe)


@click.command("delete_queue")
@_options(_URL, _QUEUE, _INTERNAL_URL, _INTERNAL_QUEUE)
def delete_queue() -> None:
    """Wait until the worker's queues are empty and not consumed any more, and delete them.

    Safe to repeat. Meanwhile let `consume_messages --draining-mode` run, and `consume_internal_messages
    --draining-mode`. Then waits until everything is applied, if WORKER_POSTGRES_URL is set and answers. Queues of dead
    letters stay.
    """
    from service import brokers

    config = configuration("worker", used=VARIABLES)
    said: set[str] = set()

    def report(line: str) -> None:
        # It may have to wait for days.
        if line not in said:
            said.add(line)
            click.echo(line)

    while not _attempt(partial(brokers.delete_queues, config, report)):
        time.sleep(PAUSE_SECONDS)
    while waiting := _count_inbox(report):
        report(f"worker: {waiting} messages wait to be applied")
        time.sleep(PAUSE_SECONDS)


def _run(step: Callable[[Config, Report], None]) -> None:
    config = configuration("worker", used=VARIABLES)
    _attempt(partial(step, config, click.echo))


def _attempt(step: Callable[[], Result]) -> Result:
    """The result of the step. A broker that does not answer yet is waited for as `configure` does."""
    from service.set_up import FAILURES, WAIT_SECONDS, Patience

    try:
        return Patience(WAIT_SECONDS, click.echo).run("the broker", step)
    except FAILURES as error:
        raise click.ClickException(str(error)) from None


def _count_inbox(report: Report) -> int:
    """How many messages wait in the lanes of the worker's database; 0 when it does not answer."""
    import psycopg

    from service.databases import opened
    from service.loop import Unusable
    from settings.config import ConfigError, load

    try:
        config = load("worker", used=("WORKER_POSTGRES_URL",))
        with opened(config.worker_postgres_url, "worker", "delete_queue") as worker:
            row = worker.execute(
                "select coalesce(sum(messages), 0) from worker.queue_figures(%s) where kind = 'inbox'", (_LIMIT,)
            ).fetchone()
    except ConfigError:
        return 0
    except (psycopg.Error, Unusable) as error:
        report(f"worker: not looked at, as its database does not answer: {' '.join(str(error).split())}")
        return 0
    assert row is not None
    return int(row[0])


COMMANDS = (subscribe, unsubscribe, delete_queue)

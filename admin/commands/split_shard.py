"""`swpt-trade split_shard`: one worker database becomes two."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import click

from admin.commands.options import secret_option
from admin.commands.tables import as_json, print_json, print_table
from pipelines.texts import LONGEST_LINE, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.splitting.steps import Splitting, Step
    from settings.config import Config

_URL = (
    "Address of the database of the half with bit {0}: a standby of this worker's database, as it is after promotion."
)
_QUEUE = "Queue of the half with bit {0}. [default: PROTOCOL_BROKER_QUEUE with _{0}]"


@click.command("split_shard")
@click.option("--plan", is_flag=True, help="Say what each step would do, and whether it is done; change nothing.")
@click.option("--apply", is_flag=True, help="Take all steps that are not done yet.")
@secret_option("--url-0", variable="SPLIT_SHARD_POSTGRES_URL_0", what=_URL.format(0))
@secret_option("--url-1", variable="SPLIT_SHARD_POSTGRES_URL_1", what=_URL.format(1))
@click.option("--queue-0", metavar="NAME", default="", help=_QUEUE.format(0))
@click.option("--queue-1", metavar="NAME", default="", help=_QUEUE.format(1))
@click.option(
    "--without-standbys", is_flag=True, help="There are no standbys: the databases are copied when it is time."
)
@click.option(
    "--wait",
    metavar="SECONDS",
    type=click.FloatRange(0.0, 1e9),
    help="With --apply: wait so long in each step for what others do, then end with status 1. [default: for ever]",
)
@as_json
def split_shard(
    plan: bool,
    apply: bool,
    url_0: str | None,
    url_1: str | None,
    queue_0: str,
    queue_1: str,
    without_standbys: bool,
    wait: float | None,
    as_json: bool,
) -> None:
    """Split this worker's shard into two, each with half of the keys, in a copy of its database.

    Needs the environment of the worker, and two standbys of its database. Declares the children's queues, empties and
    deletes the worker's, makes sure that no process works with the old key any more, promotes the standbys when they
    have everything, and binds them to their keys. It says what you have to do, and waits for it: stop the worker, and
    promote the standbys if its role may not. Start the children when it has ended.

    Run it again after any failure: steps that are done are passed over. Exits with status 0 when all are done.
    """
    import psycopg

    from service.splitting.steps import SplitError, advance, looked_at
    from settings.config import ConfigError, load

    if plan == apply:
        raise click.UsageError("say either --plan or --apply")
    if plan and wait is not None:
        raise click.UsageError("--wait goes with --apply")
    if not url_0 or not url_1:
        raise click.UsageError("both children need the URL of a database: --url-0 and --url-1")
    try:
        # Logging is not set up: warnings go to the standard error, apart from what is printed.
        parent = load("worker")
        variables = _variables(parent, (url_0, url_1), (queue_0, queue_1))
        splitting = _splitting(parent, variables, has_standbys=not without_standbys, is_told=not as_json)
        if plan:
            _print_plan(looked_at(splitting), variables, is_json=as_json)
            return
        teller = _Teller(is_json=as_json)
        is_done = advance(splitting, teller.tell, wait)
    except (SplitError, ConfigError) as error:
        raise click.ClickException(str(error)) from None
    except psycopg.Error as error:
        raise click.ClickException(" ".join(str(error).split())) from None
    if not is_done:
        raise click.ClickException("not done yet; run it again to go on")
    if as_json:
        click.echo(json.dumps({"children": [_told(child) for child in variables]}))
    else:
        for line in _last_words(variables):
            click.echo(line)


def _variables(parent: Config, urls: tuple[str, str], queues: tuple[str, str]) -> list[dict[str, str]]:
    from service.splitting.steps import child_variables

    found = []
    for bit in (0, 1):
        variables = child_variables(parent.protocol_broker_queue, parent.protocol_broker_queue_routing_key, bit)
        if queues[bit]:
            variables["PROTOCOL_BROKER_QUEUE"] = queues[bit]
        if parent.internal_broker_queue:
            variables["INTERNAL_BROKER_QUEUE"] = f"{parent.internal_broker_queue}_{bit}"
        found.append(variables | {"WORKER_POSTGRES_URL": urls[bit]})
    return found


def _splitting(parent: Config, variables: list[dict[str, str]], *, has_standbys: bool, is_told: bool) -> Splitting:
    from service.splitting.queues import BrokerQueues
    from service.splitting.steps import SplitError, Splitting
    from settings.config import ConfigError, load
    from settings.secret_files import SUFFIX

    children = []
    for own in variables:
        environment = {name: value for name, value in os.environ.items() if name.removesuffix(SUFFIX) not in own}
        try:
            children.append(load("worker", environment | own))
        except ConfigError as error:
            raise SplitError(f"{own['PROTOCOL_BROKER_QUEUE_ROUTING_KEY']}: {error}") from None
    queues = BrokerQueues(click.echo if is_told else lambda _line: None)
    return Splitting(parent, children, queues, has_standbys=has_standbys)


class _Teller:
    """Tells what happens, each thing once: somebody may be waited for for hours."""

    def __init__(self, *, is_json: bool) -> None:
        self._is_json = is_json
        self._said: tuple[str, str | None] | None = None

    def tell(self, step: Step, reason: str | None) -> None:
        if self._said == (step.name, reason):
            return
        self._said = step.name, reason
        state = "done" if reason is None else "waiting"
        if self._is_json:
            click.echo(json.dumps({"step": step.name, "state": state, "detail": reason}))
        else:
            click.echo(f"{step.name}: {step.what if reason is None else f'waiting: {shown(reason, LONGEST_LINE)}'}")
        sys.stdout.flush()


def _print_plan(found: Mapping[Step, str | None], variables: list[dict[str, str]], *, is_json: bool) -> None:
    rows = [(step, "done" if left is None else "to do", left or "") for step, left in found.items()]
    if is_json:
        print_json(
            {
                "steps": [
                    {"step": step.name, "what": step.what, "state": state, "detail": left or None}
                    for step, state, left in rows
                ],
                "children": [_told(child) for child in variables],
            }
        )
        return
    print_table(("step", "", "then", "now"), [(step.name, state, step.what, left) for step, state, left in rows])
    for line in _last_words(variables):
        click.echo(line)


def _told(variables: Mapping[str, str]) -> dict[str, str]:
    """What is no secret of a child's variables."""
    return {name: value for name, value in variables.items() if name != "WORKER_POSTGRES_URL"}


def _last_words(variables: list[dict[str, str]]) -> list[str]:
    lines = [
        "At the end start the processes of both children, with the parent's settings but for their databases, and:"
    ]
    lines += ["  " + " ".join(f"{name}={value}" for name, value in _told(child).items()) for child in variables]
    lines.append(
        "Leave DELETE_PARENT_SHARD_RECORDS away when `swpt-trade verify_shard_content` has status 0 for both. Never "
        "start the parent again; its database may go when you do not want to look anything up in it."
    )
    return lines

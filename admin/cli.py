"""The only command-line entry: `swpt-trade <command>`. Thin; commands import what they need when they run.

So all of them can be here, and each loads only what it needs itself.
"""

from __future__ import annotations

import inspect
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import cloup

from admin.commands import (
    brokers,
    collectors,
    compare,
    dead_letters,
    deployments,
    export_turn,
    flushes,
    import_databases,
    journal,
    load_policies,
    metrics,
    pending,
    scans,
    sections,
    servers,
    shards,
    solve,
    split_shard,
    status,
    transfers,
    turns,
    worker_loops,
)
from admin.commands.folders import check_folder
from pipelines.texts import shown_lines
from sandbox import commands as sandbox
from sandbox.extras import extra
from service import ending
from sql import KINDS, Kind, Purpose

_SOLVER = ("SOLVER_POSTGRES_URL",)
"""What `configure solver` looks at."""


class _Group(cloup.Group):
    """Whatever a command fails with: its message may have texts from outside in it, and passwords."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.UsageError:
            raise
        except click.ClickException as error:
            raise click.ClickException(shown_lines(error.message)) from None


@cloup.group(
    cls=_Group,
    sections=sections.ALL,
    align_sections=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="swpt-trade")
def main() -> None:
    """Circular trade: everyone gives what they have too much of and gets the same value of what they need.

    New here? `pip install 'swpt-trade[sandbox]'`, then `swpt-trade demo`: it runs a whole trading turn on this machine
    and needs nothing else. In production, run `configure`, then a `solver`, and one `worker` for each worker database;
    `status` says how they do. All settings are environment variables.
    """


@main.command(section=sections.TOOLS)
@click.argument("kind", type=click.Choice(("solver", "worker")), required=False, metavar="[solver|worker]")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--check", is_flag=True, help="Do nothing; exit with status 1 when a database is not up to date.")
@click.option("--rebind", is_flag=True, help="Make the worker database the one of this shard, whatever it was.")
@click.option("--accept-empty", is_flag=True, help="A new worker database lacks no collectors: there never were any.")
@click.option("--only-broker", is_flag=True, help="Declare what the broker needs, and touch no database.")
@click.option("--grant-reader", "readers", metavar="ROLE", multiple=True, help="Let it read figures: for monitoring.")
@click.option(
    "--grant-operator",
    "operators",
    metavar="ROLE",
    multiple=True,
    help="Let it read, and decide what operators decide: for the web server.",
)
@click.option(
    "--grant-service", "services", metavar="ROLE", multiple=True, help="Let it do what solver and workers need."
)
@click.option("--revoke", "nobodies", metavar="ROLE", multiple=True, help="Let it do nothing any more.")
@click.option(
    "--wait",
    metavar="SECONDS",
    type=click.FloatRange(0.0, 86_400.0),
    help="Wait so long for servers that are still starting. [default: 31; with --dry-run and --check: 0]",
)
def configure(
    kind: Kind | None,
    dry_run: bool,
    check: bool,
    rebind: bool,
    accept_empty: bool,
    only_broker: bool,
    wait: float | None,
    readers: tuple[str, ...],
    operators: tuple[str, ...],
    services: tuple[str, ...],
    nobodies: tuple[str, ...],
) -> None:
    """Create or upgrade the solver database and this worker's database, or only one of them. Safe to repeat.

    Reads SOLVER_POSTGRES_URL, which is all that `configure solver` needs, and WORKER_POSTGRES_URL. The worker database
    is bound to the solver's and to PROTOCOL_BROKER_QUEUE_ROUTING_KEY; nothing is changed when it is bound otherwise.
    With SETUP_RABBITMQ_BINDINGS=yes it then also declares the exchanges, queues and bindings at PROTOCOL_BROKER_URL,
    unless only the solver is asked for. Errors that no waiting heals, such as a missing role, database or right, end it
    at once, and say what to do.

    Objects belong to the role that runs this. Other roles get rights on both databases, which remember them: once is
    enough. The four options for roles can be repeated.
    """
    from service import set_up
    from settings.config import ConfigError, doubts, load

    named: list[tuple[str, Purpose | None]] = [
        *((role, "reader") for role in readers),
        *((role, "operator") for role in operators),
        *((role, "service") for role in services),
        *((role, None) for role in nobodies),
    ]
    grants = dict(named)
    if len(grants) < len(named):
        raise click.UsageError("a role can be for one purpose only")
    if only_broker and grants:
        raise click.UsageError("--only-broker touches no database, so it goes with no role")
    if (dry_run or check) and (rebind or accept_empty or only_broker or grants):
        raise click.UsageError("--dry-run and --check do nothing, so they go with no other option")
    if kind == "solver" and (rebind or accept_empty or only_broker):
        raise click.UsageError("--rebind, --accept-empty and --only-broker are about a worker")
    if only_broker and accept_empty:
        raise click.UsageError("--only-broker touches no database, so it does not go with --accept-empty")
    kinds = KINDS if kind is None else (kind,)
    try:
        used = brokers.VARIABLES if only_broker else _SOLVER if kind == "solver" else None
        config = load("configure", used=used)
    except ConfigError as error:
        raise click.ClickException(str(error)) from None
    for line in () if only_broker or kind == "solver" else doubts("configure"):
        click.echo(f"warning: {line}", err=True)
    try:
        if only_broker:
            patience = set_up.Patience(set_up.WAIT_SECONDS if wait is None else wait, click.echo)
            set_up.declare_broker(config, click.echo, patience)
            return
        if not (dry_run or check):
            seconds = set_up.WAIT_SECONDS if wait is None else wait
            set_up.run(
                config,
                click.echo,
                kinds,
                is_rebound=rebind,
                is_empty_accepted=accept_empty,
                wait=seconds,
                grants=grants,
            )
            return
        patience = set_up.Patience(wait or 0.0, click.echo)
        plans = patience.run("the databases", lambda: set_up.plans(config, kinds))
        binding = set_up.binding_plan(config) if "worker" in kinds else None
    except set_up.FAILURES as error:
        raise click.ClickException(str(error)) from None
    for line in (line for plan in plans for line in plan.lines()):
        click.echo(line)
    if binding is not None:
        click.echo(binding)
    if check and (binding is not None or any(plan.has_drift for plan in plans)):
        sys.exit(1)


@main.command(section=sections.TOOLS)
@click.option(
    "--traders", default=300, show_default=True, type=click.IntRange(2, 100_000), help="Businesses and people."
)
@click.option(
    "--currencies", default=30, show_default=True, type=click.IntRange(5, 2_000), help="Currencies, the base included."
)
@click.option("--shards", default="2", show_default=True, type=click.Choice(["1", "2", "4"]), help="Worker databases.")
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same economy.")
@click.option(
    "--broker", metavar="URL", help="Use this RabbitMQ (amqp://…) instead of the exchange inside the process."
)
@click.option("--keep", is_flag=True, help="Leave the databases behind, and say how to start them again.")
@click.option("--stay", is_flag=True, help="Then go on, turn after turn, with the dashboard open, until Ctrl-C.")
@click.option(
    "--report",
    "report_dir",
    default="demo-report",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the report goes.",
)
def demo(
    traders: int,
    currencies: int,
    shards: str,
    seed: int,
    broker: str | None,
    keep: bool,
    stay: bool,
    report_dir: Path,
) -> None:
    """Run a whole circular trade on this machine, from wallets to money moved.

    Needs `pip install 'swpt-trade[sandbox]'`, and nothing else.

    Starts a private PostgreSQL server, worker shards, the solver, and around them a small Swaptacular: an accounting
    authority, a creditors agent and the web server of the currencies' documents. Exits with status 1 unless the turn
    was completed, every token is accounted for, nobody lost more than rounding explains, and nothing was left behind.
    """
    with extra("sandbox"):
        from sandbox.demo import Scene, run_demo
        from sandbox.servers.postgres import NoServerProgram

    from admin.commands.demo_dashboard import dashboard

    check_folder(report_dir)
    scene = Scene(traders=traders, currencies=currencies, shards=int(shards), seed=seed, broker_url=broker, keep=keep)
    try:
        is_good = run_demo(scene, report_dir, dashboard if stay else None)
    except NoServerProgram as error:
        raise click.ClickException(str(error)) from None
    if not is_good:
        sys.exit(1)


for _section, _commands in (
    (sections.SERVERS, (servers.worker, servers.solver, servers.webserver)),
    (sections.TOOLS, (solve.solve, status.status, pending.pending, metrics.health, collectors.collectors)),
    (sections.TOOLS, (load_policies.load_policies, sandbox.sandbox, shards.shards, turns.turns, transfers.transfers)),
    (sections.TOOLS, (*brokers.COMMANDS, *deployments.COMMANDS, *dead_letters.COMMANDS, journal.replay_journal)),
    (
        sections.TOOLS,
        (export_turn.export_turn, compare.compare, import_databases.import_databases, split_shard.split_shard),
    ),
    (sections.PARTS, (servers.roll_turns, *worker_loops.COMMANDS, metrics.serve_metrics)),
    (sections.FLUSHES, flushes.COMMANDS),
    (sections.SCANS, scans.COMMANDS),
):
    for _command in _commands:
        main.add_command(_command, section=_section)


def _describe(group: click.Group) -> None:
    """Lists of commands show first sentences whole, on several lines if need be."""
    for command in group.commands.values():
        sentence = re.split(r"(?<=\.)\s|\n\n", inspect.cleandoc(command.help or ""), maxsplit=1)[0]
        command.short_help = " ".join(sentence.split())
        if isinstance(command, click.Group):
            _describe(command)


_describe(main)

_NAME = "swpt-trade"
_TERMINATED = 128 + signal.SIGTERM


def run(arguments: Sequence[str] | None = None) -> None:
    """A process that is nothing else than this command. SIGTERM ends it in time, whatever it does."""
    given = sys.argv[1:] if arguments is None else arguments
    if given and given[0] in sections.TOOLS.commands:
        # Who waits for it has to know that it is not done.
        ending.leave_on_signals(_TERMINATED)
        with ending.limited(status=_TERMINATED):
            main(given, prog_name=_NAME)
    else:
        # A server, or a part of one: it has nothing to finish until it has handlers of its own.
        ending.leave_on_signals(0, is_empty=bool(given) and given[0] not in sections.SERVERS.commands)
        main(given, prog_name=_NAME)


if __name__ == "__main__":
    run()

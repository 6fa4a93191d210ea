"""The only command-line entry: `swpt-trade <command>`. Thin; commands import what they need when they run.

So all of them can be here, and each loads only what it needs itself.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import click
import cloup

from admin.commands import (
    collectors,
    flushes,
    load_policies,
    metrics,
    pending,
    scans,
    sections,
    servers,
    shards,
    solve,
    worker_loops,
)
from sandbox import commands as sandbox


@cloup.group(
    sections=sections.ALL,
    align_sections=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="swpt-trade")
def main() -> None:
    """Circular trade: everyone gives what they have too much of and gets the same value of what they need.

    New here? `swpt-trade demo` runs a whole trading turn on this machine and needs nothing else. In production, run
    `configure`, then a `solver`, and one `worker` for each worker database. All settings are environment variables.
    """


@main.command(section=sections.TOOLS)
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--check", is_flag=True, help="Do nothing; exit with status 1 when a database is not up to date.")
@click.option("--rebind", is_flag=True, help="Make the worker database the one of this shard, whatever it was.")
@click.option("--only-broker", is_flag=True, help="Declare what the broker needs, and touch no database.")
def configure(dry_run: bool, check: bool, rebind: bool, only_broker: bool) -> None:
    """Create or upgrade the solver database and this worker's database. Safe to repeat.

    Reads SOLVER_POSTGRES_URL and WORKER_POSTGRES_URL. The worker database is bound to the solver's and to
    PROTOCOL_BROKER_QUEUE_ROUTING_KEY; nothing is changed when it is bound otherwise. With SETUP_RABBITMQ_BINDINGS=yes
    it then also declares the exchanges, queues and bindings at PROTOCOL_BROKER_URL.
    """
    from service import set_up
    from settings.config import ConfigError, load
    from settings.urls import hide_passwords

    if (dry_run or check) and (rebind or only_broker):
        raise click.UsageError("--dry-run and --check do nothing, so they go with no other option")
    try:
        config = load("configure")
    except ConfigError as error:
        raise click.ClickException(str(error)) from None
    try:
        if only_broker:
            set_up.declare_broker(config, click.echo)
            return
        if not (dry_run or check):
            set_up.run(config, click.echo, is_rebound=rebind)
            return
        plans = set_up.plans(config)
        binding = set_up.binding_plan(config)
    except set_up.FAILURES as error:
        raise click.ClickException(hide_passwords(str(error).strip())) from None
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
@click.option(
    "--report",
    "report_dir",
    default="demo-report",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the report goes.",
)
def demo(
    traders: int, currencies: int, shards: str, seed: int, broker: str | None, keep: bool, report_dir: Path
) -> None:
    """Run a whole circular trade on this machine, from wallets to money moved.

    Starts a private PostgreSQL server, worker shards, the solver, and around them a small Swaptacular: an accounting
    authority, a creditors agent and the web server of the currencies' documents. Exits with status 1 unless the turn
    was completed, every token is accounted for, nobody lost more than rounding explains, and nothing was left behind.
    """
    from sandbox.demo import Scene, run_demo

    scene = Scene(traders=traders, currencies=currencies, shards=int(shards), seed=seed, broker_url=broker, keep=keep)
    if not run_demo(scene, report_dir):
        sys.exit(1)


for _section, _commands in (
    (sections.SERVERS, (servers.worker, servers.solver, servers.webserver)),
    (sections.TOOLS, (solve.solve, pending.pending, metrics.health, collectors.collectors)),
    (sections.TOOLS, (load_policies.load_policies, sandbox.sandbox, shards.shards)),
    (sections.PARTS, (servers.roll_turns, *worker_loops.COMMANDS, metrics.serve_metrics)),
    (sections.FLUSHES, flushes.COMMANDS),
    (sections.SCANS, scans.COMMANDS),
):
    for _command in _commands:
        main.add_command(_command, section=_section)

if __name__ == "__main__":
    # So the supervisor starts commands. Until they have handlers of their own, there is nothing to finish.
    for _signal in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(_signal, lambda *_: sys.exit(0))
    main()

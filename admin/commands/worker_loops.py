"""Commands that run a part of a worker: `worker` runs one of each."""

from __future__ import annotations

import sys
from functools import partial

import click

from admin.commands.options import configuration, quit_early, setting


@click.command("consume_messages")
@setting("-u", "--url", variable="PROTOCOL_BROKER_URL", kind=str, what="Address of RabbitMQ.")
@setting("-q", "--queue", variable="PROTOCOL_BROKER_QUEUE", kind=str, what="Queue to consume.")
@setting("-p", "--processes", variable="PROTOCOL_BROKER_PROCESSES", kind=int, what="Processes; 0 = idle.")
@setting("-t", "--threads", variable="PROTOCOL_BROKER_THREADS", kind=int, what="Threads that apply messages.")
@setting("-s", "--prefetch-size", variable="PROTOCOL_BROKER_PREFETCH_SIZE", kind=int, what="Has to be 0.")
@setting(
    "-c",
    "--prefetch-count",
    variable="PROTOCOL_BROKER_PREFETCH_COUNT",
    kind=int,
    what="Most unacknowledged messages of a process; 1 is slow, 0 = no limit.",
)
def consume_messages() -> None:
    """Take messages from RabbitMQ into the database, and apply them."""
    from service.parts import consume
    from service.processes import run_processes

    config = configuration("worker")
    job = partial(consume.run_consumer, config)
    sys.exit(run_processes(config, consume.NAME, config.protocol_broker_processes, job))


@click.command("fetch_debtor_infos")
@setting("-p", "--processes", variable="HTTP_FETCH_PROCESSES", kind=int, what="Processes; 0 = idle.")
@setting("-c", "--connections", variable="HTTP_FETCH_CONNECTIONS", kind=int, what="Connections of each process.")
@setting("-t", "--timeout", variable="HTTP_FETCH_TIMEOUT", kind=float, what="Longest time of a request, seconds.")
@setting("-w", "--wait", variable="HTTP_FETCH_PERIOD", kind=float, what="Period, seconds.")
@quit_early
def fetch_debtor_infos(quit_early: bool) -> None:
    """Fetch the documents of currencies that are due."""
    from service.parts import fetch
    from service.processes import run_processes

    config = configuration("worker")
    job = partial(fetch.run_fetcher, config, quit_early)
    sys.exit(run_processes(config, fetch.NAME, config.http_fetch_processes, job, quit_early=quit_early))


@click.command("trigger_transfers")
@setting("-p", "--processes", variable="TRIGGER_TRANSFERS_PROCESSES", kind=int, what="Processes; 0 = idle.")
@setting("-w", "--wait", variable="TRIGGER_TRANSFERS_PERIOD", kind=float, what="Period, seconds.")
@quit_early
def trigger_transfers(quit_early: bool) -> None:
    """Try postponed transfers again when their time has come."""
    from service.parts import transfers
    from service.processes import run_processes

    config = configuration("worker")
    job = partial(transfers.run_triggers, config, quit_early)
    count = config.trigger_transfers_processes
    sys.exit(run_processes(config, "trigger_transfers", count, job, quit_early=quit_early))


@click.command("roll_transfers")
@click.option(
    "-w",
    "--wait",
    type=click.FloatRange(min=0, max=1e9),
    help="Period, seconds. [default: a twelfth of TRANSFERS_HEALTHY_MAX_COMMIT_DELAY]",
)
@quit_early
def roll_transfers(wait: float | None, quit_early: bool) -> None:
    """Let collectors send and pay as soon as nothing is missing."""
    from service.parts import transfers
    from service.processes import run_processes

    config = configuration("worker")
    period = config.transfers_healthy_max_commit_delay.total_seconds() / 12 if wait is None else wait
    job = partial(transfers.run_transfers, config, period, quit_early)
    sys.exit(run_processes(config, "roll_transfers", 1, job))


@click.command("roll_worker_turns")
@setting("-w", "--wait", variable="APP_ROLL_WORKER_TURNS_WAIT", kind=float, what="Period, seconds.")
@quit_early
def roll_worker_turns(quit_early: bool) -> None:
    """Do this worker's part of the trading turns."""
    from service.parts import turns
    from service.processes import run_processes

    config = configuration("worker")
    sys.exit(run_processes(config, "roll_worker_turns", 1, partial(turns.run_worker_turns, config, quit_early)))


@click.command("handle_pristine_collectors")
@setting("-t", "--threads", variable="HANDLE_PRISTINE_COLLECTORS_THREADS", kind=int, what="Accepted; one does it all.")
@setting("-w", "--wait", variable="HANDLE_PRISTINE_COLLECTORS_PERIOD", kind=float, what="Period, seconds.")
@quit_early
def handle_pristine_collectors(quit_early: bool) -> None:
    """Open the accounts of new collectors, and ask the solver for what messages want of it."""
    from service.parts import collectors
    from service.processes import run_processes

    config = configuration("worker")
    job = partial(collectors.run_collectors, config, quit_early)
    sys.exit(run_processes(config, collectors.NAME, 1, job))


COMMANDS = (
    consume_messages,
    fetch_debtor_infos,
    trigger_transfers,
    roll_transfers,
    roll_worker_turns,
    handle_pristine_collectors,
)

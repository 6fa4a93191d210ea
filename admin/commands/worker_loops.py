"""Commands that run a part of a worker: `worker` runs one of each."""

from __future__ import annotations

import sys

import click

from admin.commands.options import Decorator, configuration, quit_early, setting

draining_mode: Decorator = click.option(
    "--draining-mode",
    is_flag=True,
    help="Let go of the queue while it brings nothing, so that `delete_queue` can delete it.",
)


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
@draining_mode
def consume_messages(draining_mode: bool) -> None:
    """Take messages from RabbitMQ into the database, and apply them."""
    from service.parts import consume
    from service.processes import run_processes

    config = configuration("worker")
    part = consume.part(config, is_draining=draining_mode)
    sys.exit(run_processes(config, part, config.protocol_broker_processes))


@click.command("consume_internal_messages")
@setting("-u", "--url", variable="INTERNAL_BROKER_URL", kind=str, what="The RabbitMQ of internal messages.")
@setting("-q", "--queue", variable="INTERNAL_BROKER_QUEUE", kind=str, what="Queue to consume.")
@setting("-p", "--processes", variable="INTERNAL_BROKER_PROCESSES", kind=int, what="Processes; 0 = idle.")
@setting("-t", "--threads", variable="INTERNAL_BROKER_THREADS", kind=int, what="Threads that apply messages.")
@setting("-s", "--prefetch-size", variable="INTERNAL_BROKER_PREFETCH_SIZE", kind=int, what="Has to be 0.")
@setting(
    "-c",
    "--prefetch-count",
    variable="INTERNAL_BROKER_PREFETCH_COUNT",
    kind=int,
    what="Most unacknowledged messages of a process; 1 is slow, 0 = no limit.",
)
@draining_mode
def consume_internal_messages(draining_mode: bool) -> None:
    """Take messages from the RabbitMQ of internal messages into the database, and apply them.

    If that is the one that all messages go by, it empties the queue that an earlier installation had for them, and
    waits.
    """
    from service.parts import consume
    from service.processes import run_processes

    config = configuration("worker")
    part = consume.internal_part(config, is_draining=draining_mode)
    sys.exit(run_processes(config, part, config.internal_broker_processes))


@click.command("fetch_debtor_infos")
@setting("-p", "--processes", variable="HTTP_FETCH_PROCESSES", kind=int, what="Processes; 0 = idle.")
@setting("-c", "--connections", variable="HTTP_FETCH_CONNECTIONS", kind=int, what="Connections of each process.")
@setting("-t", "--timeout", variable="HTTP_FETCH_TIMEOUT", kind=float, what="Longest time of a request, seconds.")
@setting("-w", "--wait", variable="HTTP_FETCH_PERIOD", kind=float, what="Period, seconds.")
@setting("-f", "--cafile", variable="HTTP_FETCH_SSL_CERT_FILE", kind=str, what="PEM file of trusted authorities.")
@quit_early
def fetch_debtor_infos(quit_early: bool) -> None:
    """Fetch the documents of currencies that are due."""
    from service.parts import fetch
    from service.processes import run_processes

    config = configuration("worker")
    sys.exit(run_processes(config, fetch.part(config, quit_early), config.http_fetch_processes))


@click.command("trigger_transfers")
@setting("-p", "--processes", variable="TRIGGER_TRANSFERS_PROCESSES", kind=int, what="Processes; 0 = idle.")
@setting("-w", "--wait", variable="TRIGGER_TRANSFERS_PERIOD", kind=float, what="Period, seconds.")
@quit_early
def trigger_transfers(quit_early: bool) -> None:
    """Try postponed transfers again when their time has come."""
    from service.parts import transfers
    from service.processes import run_processes

    config = configuration("worker")
    part = transfers.trigger_part(config, quit_early)
    sys.exit(run_processes(config, part, config.trigger_transfers_processes))


def _roll_transfers(name: str, meaning: str) -> click.Command:
    @click.command(name, help=meaning)
    @click.option(
        "-w",
        "--wait",
        type=click.FloatRange(min=0, max=1e9),
        help="Period, seconds. [default: a twelfth of TRANSFERS_HEALTHY_MAX_COMMIT_DELAY]",
    )
    @quit_early
    def command(wait: float | None, quit_early: bool) -> None:
        from service.parts import transfers
        from service.processes import run_processes

        config = configuration("worker")
        period = config.transfers_healthy_max_commit_delay.total_seconds() / 12 if wait is None else wait
        sys.exit(run_processes(config, transfers.roll_part(config, period, quit_early)))

    return command


roll_transfers = _roll_transfers("roll_transfers", "Let collectors send and pay as soon as nothing is missing.")
process_dispatchings = _roll_transfers("process_dispatchings", "The same as roll_transfers, by another name.")


@click.command("roll_worker_turns")
@setting("-w", "--wait", variable="APP_ROLL_WORKER_TURNS_WAIT", kind=float, what="Period, seconds.")
@quit_early
def roll_worker_turns(quit_early: bool) -> None:
    """Do this worker's part of the trading turns."""
    from service.parts import turns
    from service.processes import run_processes

    config = configuration("worker")
    sys.exit(run_processes(config, turns.worker_part(config, quit_early)))


@click.command("handle_pristine_collectors")
@setting("-t", "--threads", variable="HANDLE_PRISTINE_COLLECTORS_THREADS", kind=int, what="Accepted; one does it all.")
@setting("-w", "--wait", variable="HANDLE_PRISTINE_COLLECTORS_PERIOD", kind=float, what="Period, seconds.")
@quit_early
def handle_pristine_collectors(quit_early: bool) -> None:
    """Open the accounts of new collectors, and ask the solver for what messages want of it."""
    from service.parts import collectors
    from service.processes import run_processes

    config = configuration("worker")
    sys.exit(run_processes(config, collectors.part(config, quit_early)))


COMMANDS = (
    consume_messages,
    consume_internal_messages,
    fetch_debtor_infos,
    trigger_transfers,
    roll_transfers,
    process_dispatchings,
    roll_worker_turns,
    handle_pristine_collectors,
)

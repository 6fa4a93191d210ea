"""The three servers, and what the solver consists of."""

from __future__ import annotations

import sys
from functools import partial

import click

from admin.commands.options import configuration, quit_early, setting


@click.command()
def worker() -> None:
    """Run a worker: one for each worker database, in one place only."""
    from service.servers import WORKER
    from service.supervisor import supervise

    config = configuration("worker")
    sys.exit(supervise(config, "worker", WORKER))


@click.command()
def solver() -> None:
    """Run the solver: exactly one for all workers."""
    from service.servers import SOLVER
    from service.supervisor import supervise

    config = configuration("solver")
    sys.exit(supervise(config, "solver", SOLVER))


@click.command()
def webserver() -> None:
    """Run the admin Web API: any number of them."""
    from admin.web.server import main

    sys.exit(main(configuration("webserver")))


@click.command("roll_turns")
@setting("-p", "--period", variable="TURN_PERIOD", kind=str, what="From turn to turn, such as 1d.")
@setting("-o", "--period-offset", variable="TURN_PERIOD_OFFSET", kind=str, what="Shift of their starts, such as 2h.")
@setting("-c", "--check-interval", variable="TURN_CHECK_INTERVAL", kind=str, what="Period, such as 60s.")
@quit_early
def roll_turns(quit_early: bool) -> None:
    """Start trading turns, and take them from phase to phase."""
    from service.parts import turns
    from service.processes import run_processes

    config = configuration("solver")
    sys.exit(run_processes(config, "roll_turns", 1, partial(turns.run_turns, config, quit_early)))

"""The three servers, and what the solver consists of."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from admin.commands.looking import look_first
from admin.commands.options import configuration, quit_early, setting

if TYPE_CHECKING:
    from settings.config import Config
    from sql import Kind


@click.command()
def worker() -> None:
    """Run a worker: one for each worker database, in one place only."""
    from service import servers
    from service.supervisor import supervise

    config = configuration("worker")
    _check_at_start(config, "worker")
    sys.exit(supervise(config, "worker", servers.worker(config)))


@click.command()
def solver() -> None:
    """Run the solver: exactly one for all workers."""
    from service.servers import SOLVER
    from service.supervisor import supervise

    config = configuration("solver")
    _check_at_start(config, "solver")
    sys.exit(supervise(config, "solver", SOLVER))


@click.command()
def webserver() -> None:
    """Run the admin Web API: any number of them."""
    from admin.web.server import main

    config = configuration("webserver")
    if config.webserver_processes:
        from service.databases import check_what_is_there

        look_first(lambda: check_what_is_there(config.solver_postgres_url, "solver"))
    sys.exit(main(config))


def _check_at_start(config: Config, kind: Kind) -> None:
    """Nothing is started on a database that is missing, not set up, or somebody else's."""
    from service.databases import check_at_start

    look_first(lambda: check_at_start(config, kind))


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
    sys.exit(run_processes(config, turns.solver_part(config, quit_early)))

"""Commands that clean up: `scan_all`, which `worker` runs, and one for each table."""

from __future__ import annotations

import sys
from functools import partial

import click

from admin.commands.options import configuration, quit_early, setting
from settings.scan_days import SCAN_DAYS

ALL = "scan_all"


def _command(table: str) -> click.Command:
    name = f"scan_{table}"

    @click.command(name, help=f"Clean up {table.replace('_', ' ')}.")
    @setting("-d", "--days", variable=f"APP_{table.upper()}_SCAN_DAYS", kind=float, what="Time of a pass, days.")
    @quit_early
    def command(quit_early: bool) -> None:
        _scan(name, (table,), quit_early)

    return command


@click.command(ALL)
@quit_early
def scan_all(quit_early: bool) -> None:
    """Do the work of all scan_… commands, by turns, in one process."""
    _scan(ALL, tuple(SCAN_DAYS), quit_early)


def _scan(name: str, tables: tuple[str, ...], quit_early: bool) -> None:
    from service.parts.scans import run_scans
    from service.processes import run_processes

    config = configuration("worker")
    sys.exit(run_processes(config, name, 1, partial(run_scans, config, name, tables, quit_early)))


COMMANDS = (scan_all, *(_command(table) for table in SCAN_DAYS))

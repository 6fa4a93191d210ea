"""Commands that clean up: `scan_all`, which `worker` runs, and one for each table."""

from __future__ import annotations

import sys

import click

from admin.commands.options import configuration, quit_early, setting
from sql.scans import SCANS

ALL = "scan_all"


def _command(table: str, name: str = "") -> click.Command:
    name = name or f"scan_{table}"

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
    _scan(ALL, tuple(SCANS), quit_early)


def _scan(name: str, tables: tuple[str, ...], quit_early: bool) -> None:
    from service.parts import scans
    from service.processes import run_processes

    config = configuration("worker")
    sys.exit(run_processes(config, scans.part(config, name, tables, quit_early)))


_ALIASES = {"scan_delayed_account_transfers": "early_arrivals"}
"""Names of the same in other releases."""

COMMANDS = (
    scan_all,
    *(_command(table) for table in SCANS),
    *(_command(table, alias) for alias, table in _ALIASES.items()),
)

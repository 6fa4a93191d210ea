"""Commands that send messages: `flush_all`, which `worker` runs, and one for each type."""

from __future__ import annotations

import logging
import re
import sys

import click

from admin.commands.options import configuration, quit_early, setting
from bridge.messages.names import OUTGOING_TYPES

logger = logging.getLogger(__name__)

ALL = "flush_all"

TYPES = {f"flush_{re.sub('(?<!^)(?=[A-Z])', '_', name).lower()}s": name for name in OUTGOING_TYPES}
"""The message type that each command sends: `flush_prepare_transfers` sends PrepareTransfer."""


def _command(name: str) -> click.Command:
    message_type = TYPES.get(name)

    @click.command(name, help=f"Send {message_type} messages." if message_type else "Send messages of all types.")
    @setting("-p", "--processes", variable="FLUSH_PROCESSES", kind=int, what="Processes; 0 = idle.")
    @setting("-w", "--wait", variable="FLUSH_PERIOD", kind=float, what="Period, seconds.")
    @quit_early
    def command(quit_early: bool) -> None:
        from service.parts import flush
        from service.processes import run_processes

        config = configuration("worker")
        types = (message_type,) if message_type else OUTGOING_TYPES
        sys.exit(run_processes(config, flush.part(config, name, types, quit_early), config.flush_processes))

    return command


_OF_OTHER_RELEASES = ("flush_calculate_surpluses", "flush_replayed_account_transfers")
"""They send messages that are not needed here."""


def _idle_command(name: str) -> click.Command:
    @click.command(name, help="Do nothing until SIGTERM: there are no such messages in this release.")
    @setting("-p", "--processes", variable="FLUSH_PROCESSES", kind=int, what="Accepted.")
    @setting("-w", "--wait", variable="FLUSH_PERIOD", kind=float, what="Accepted.")
    @quit_early
    def command(quit_early: bool) -> None:
        from service.parts import flush
        from service.processes import run_processes

        config = configuration("worker")
        logger.info("%s: there are no such messages in this release, so this does nothing", name)
        sys.exit(run_processes(config, flush.part(config, name, (), quit_early), count=0))

    return command


COMMANDS = (*(_command(name) for name in (ALL, *TYPES)), *(_idle_command(name) for name in _OF_OTHER_RELEASES))

"""Commands that send messages: `flush_all`, which `worker` runs, and one for each type."""

from __future__ import annotations

import sys
from functools import partial

import click

from admin.commands.options import configuration, quit_early, setting

ALL = "flush_all"

TYPES = {
    "flush_configure_accounts": "ConfigureAccount",
    "flush_prepare_transfers": "PrepareTransfer",
    "flush_finalize_transfers": "FinalizeTransfer",
    "flush_fetch_debtor_infos": "FetchDebtorInfo",
    "flush_store_documents": "StoreDocument",
    "flush_discover_debtors": "DiscoverDebtor",
    "flush_confirm_debtors": "ConfirmDebtor",
    "flush_activate_collectors": "ActivateCollector",
    "flush_candidate_offers": "CandidateOffer",
    "flush_needed_collectors": "NeededCollector",
    "flush_revise_account_locks": "ReviseAccountLock",
    "flush_trigger_transfers": "TriggerTransfer",
    "flush_account_id_requests": "AccountIdRequest",
    "flush_account_id_responses": "AccountIdResponse",
    "flush_start_sendings": "StartSending",
    "flush_start_dispatchings": "StartDispatching",
}
"""The message type that each command sends."""


def _command(name: str) -> click.Command:
    message_type = TYPES.get(name)

    @click.command(name, help=f"Send {message_type} messages." if message_type else "Send messages of all types.")
    @setting("-p", "--processes", variable="FLUSH_PROCESSES", kind=int, what="Processes; 0 = idle.")
    @setting("-w", "--wait", variable="FLUSH_PERIOD", kind=float, what="Period, seconds.")
    @quit_early
    def command(quit_early: bool) -> None:
        from bridge.messages.catalogue import OUTGOING_TYPES
        from service.parts.flush import run_flusher
        from service.processes import run_processes

        config = configuration("worker")
        job = partial(run_flusher, config, name, (message_type,) if message_type else OUTGOING_TYPES, quit_early)
        sys.exit(run_processes(config, name, config.flush_processes, job, quit_early=quit_early))

    return command


COMMANDS = tuple(_command(name) for name in (ALL, *TYPES))

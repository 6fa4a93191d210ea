"""Which commands run side by side in a worker, and in the solver."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from settings.config import Config

Count = Callable[[Config], int]
"""How many processes of a command do something, by the settings."""


def _one(_config: Config) -> int:
    return 1


WORKER: Mapping[str, Count] = {
    "flush_all": lambda config: config.flush_processes,
    "consume_messages": lambda config: config.protocol_broker_processes,
    "roll_worker_turns": _one,
    "roll_transfers": _one,
    "fetch_debtor_infos": lambda config: config.http_fetch_processes,
    "trigger_transfers": lambda config: config.trigger_transfers_processes,
    "handle_pristine_collectors": _one,
    # All scans by turns: sixteen processes that sleep most of the time would only cost memory.
    "scan_all": _one,
}

INTERNAL_CONSUMER: Mapping[str, Count] = {
    "consume_internal_messages": lambda config: config.internal_broker_processes,
}


def worker(config: Config) -> Mapping[str, Count]:
    """The commands of a worker. Without INTERNAL_BROKER_URL there is nothing to do for the consumer of that broker."""
    return {**WORKER, **INTERNAL_CONSUMER} if config.internal_broker_url else WORKER


SOLVER: Mapping[str, Count] = {"roll_turns": _one}

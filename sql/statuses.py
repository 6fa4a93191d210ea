"""The numbers that stand for states in the databases, by name."""

from __future__ import annotations

from enum import IntEnum


class CollectorStatus(IntEnum):
    """`solver.collector_account.status`."""

    PRISTINE = 0
    REQUESTED = 1
    ACTIVE = 2
    DISABLED = 3


class TurnPhase(IntEnum):
    """`solver.turn.phase`; workers know the first three."""

    CURRENCY_INFORMATION = 1
    OFFERS = 2
    GIVING_AND_TAKING = 3
    DONE = 4


def in_words(state: IntEnum) -> str:
    """The name for people."""
    return state.name.lower().replace("_", " ")


def all_in_words(states: type[IntEnum]) -> str:
    """All numbers with their names: `1 offers, 2 …`."""
    return ", ".join(f"{state.value} {in_words(state)}" for state in states)

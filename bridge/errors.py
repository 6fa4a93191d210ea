"""What to do about an error of the database, told from its SQLSTATE."""

from __future__ import annotations

from enum import Enum

import psycopg

# Errors of the message itself: data, constraints, limits, our own class, raised by a function. The database decides by
# worker.is_data_error.
POISON_CLASSES = frozenset({"20", "21", "22", "23", "54", "ST", "P0"})
# Serialization failure, deadlock, lock not available: the same transaction may succeed next time.
REPEATABLE = frozenset({"40001", "40P01", "55P03"})


class Remedy(Enum):
    """What the caller does next."""

    SET_ASIDE = "set aside"  # work the batch one message at a time; those that still fail are set aside
    REPEAT = "repeat"  # at once
    WAIT = "wait"  # trouble of the surroundings: keep everything, back off, never count it against a message


def remedy(error: psycopg.Error) -> Remedy:
    """Everything unknown means WAIT: a full disk or a missing function must not empty the inbox."""
    state = error.sqlstate or ""
    if state in REPEATABLE:
        return Remedy.REPEAT
    if state[:2] in POISON_CLASSES:
        return Remedy.SET_ASIDE
    return Remedy.WAIT

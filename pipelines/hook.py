"""Where the parts of the service tell what happens inside their steps, for whoever counts it.

Nobody listens unless `listen` was called: then telling costs next to nothing, and tests and tools need no metrics.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from pipelines.solver.report import Report

Event = Literal[
    "received",
    "redelivered",
    "drained",
    "sent",
    "dead_letter",
    "unroutable",
    "set_aside",
    "repeated",
    "held_account",
    "part_failed",
    "passed_over",
]
"""What may happen to messages.

`received`: committed to the inbox; `redelivered`: came again, from a queue that counts this; `drained`: applied;
`sent`: confirmed by the broker; `dead_letter`: refused when it came; `unroutable`: wanted by no queue, parked;
`set_aside`: could not be applied or sent. `repeated` counts transactions that another one disturbed; `held_account`
accounts that nobody asked for, and that wait for an operator;
`part_failed` types, lanes, tables and the like that are left alone for a while, so that the others go on; `passed_over`
what was too much alone, and is tried again later.
"""


class Listener(Protocol):
    """Counts what it is told. Called by every thread of the process; must not raise."""

    def on_event(self, event: Event, message_type: str, amount: int) -> None: ...

    def on_solved(self, report: Report) -> None: ...


_listener: Listener | None = None


def listen(listener: Listener | None) -> None:
    """Makes this the one listener of the process; None ends that."""
    global _listener
    _listener = listener


def tell(event: Event, message_type: str = "", amount: int = 1) -> None:
    """Something happened to so many messages of a type (empty: of any, or not known)."""
    if _listener is not None:
        _listener.on_event(event, message_type, amount)


def tell_solved(report: Report) -> None:
    """A turn was solved and its result was written."""
    if _listener is not None:
        _listener.on_solved(report)

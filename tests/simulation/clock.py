"""The only clock of a simulation."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from unittest import mock

import bridge.drain
import bridge.outbound
import pipelines.turns.roll
import pipelines.turns.steps

BEGINNING = datetime(2026, 3, 1, 0, 30, tzinfo=UTC)


@dataclass(slots=True)
class Clock:
    """Stands still until somebody moves it."""

    moment: datetime = BEGINNING

    def now(self) -> datetime:
        return self.moment

    def advance(self, span: timedelta) -> None:
        self.moment += span

    def monotonic(self) -> float:
        return (self.moment - BEGINNING).total_seconds()

    @contextmanager
    def rules(self) -> Iterator[None]:
        """Lets the bridges and loops of this process follow the clock, and never wait."""
        fake = SimpleNamespace(monotonic=self.monotonic, sleep=lambda seconds: None, time=time.time)
        with ExitStack() as patches:
            for module in (bridge.drain, bridge.outbound, pipelines.turns.roll, pipelines.turns.steps):
                patches.enter_context(mock.patch.object(module, "time", fake))
            yield

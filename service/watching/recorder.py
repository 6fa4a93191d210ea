"""Records what a process does: counters for `/metrics`, and its heartbeat for `/health`."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines import hook
from pipelines.hook import Event
from pipelines.texts import shown
from service.watching import directory as shared_directory
from service.watching import heartbeats
from service.watching.health import allowed_seconds
from service.watching.heartbeats import Heartbeat, StepNews

if TYPE_CHECKING:
    from pipelines.solver.report import Report

logger = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 1.0
"""A busy process writes its heartbeat that often, not after each of its steps."""

_LONGEST_ERROR = 500


class Recorder:
    """The observer of a process's loops, and the listener to what happens inside. All threads may use it."""

    def __init__(self, directory: Path, process: str, period: float) -> None:
        """`process` is the name of the command; it looks for work every `period` seconds."""
        # Here, because the library must find its directory in the environment when it is imported.
        from service.watching import metrics

        self._metrics = metrics
        self._directory = directory
        self._lock = threading.Lock()
        self._written_at = 0.0
        self._failing: set[str] = set()
        self._heartbeat = Heartbeat(process, os.getpid(), time.time(), allowed_seconds(process, period), {})
        self._beat()

    def on_step(self, name: str, count: int, seconds: float) -> None:
        """A step of the loop `name` did `count` things in so many seconds."""
        if count:
            self._metrics.STEP_SECONDS.labels(name).observe(seconds)
            self._metrics.STEP_ITEMS.labels(name).observe(count)
        now = time.time()
        with self._lock:
            self._news(name).last_success = now
            is_again = name in self._failing
            self._failing.discard(name)
            if is_again or now - self._written_at >= HEARTBEAT_SECONDS:
                self._beat()
        if is_again:
            self._metrics.RECONNECTS.labels(name).inc()

    def on_failure(self, name: str, error: BaseException) -> None:
        """A step of the loop `name` failed; it will be tried again with new connections."""
        self._metrics.STEP_FAILURES.labels(name, type(error).__name__).inc()
        text = shown(f"{type(error).__name__}: {error}".strip(), _LONGEST_ERROR)
        with self._lock:
            self._failing.add(name)
            news = self._news(name)
            news.last_error, news.last_error_at = text, time.time()
            self._beat()

    def on_event(self, event: Event, message_type: str, amount: int) -> None:
        """See `pipelines.hook.Event`."""
        if event == "repeated":
            self._metrics.REPEATED.inc(amount)
        else:
            self._metrics.MESSAGES.labels(event, message_type).inc(amount)

    def on_solved(self, report: Report) -> None:
        """A turn was solved."""
        metrics, nan = self._metrics, float("nan")
        share = nan if report.share_of_bound is None else report.share_of_bound
        metrics.SOLVER_TRADED_VALUE.set(nan if report.traded_value is None else report.traded_value)
        metrics.SOLVER_UPPER_BOUND.set(nan if report.upper_bound is None else report.upper_bound)
        metrics.SOLVER_SHARE.set(share)
        metrics.SOLVER_GAP.set(1.0 - share)
        metrics.SOLVER_OFFERS.set(report.offers)
        metrics.SOLVER_TRADERS.set(report.traders)
        metrics.SOLVER_SERVED.set(report.traders_served)
        metrics.SOLVER_MEMORY.set(report.peak_memory_bytes)
        for step, seconds in report.seconds.items():
            metrics.SOLVER_SECONDS.labels(step).set(seconds)
        metrics.SOLVER_TIME.set(time.time())

    def close(self) -> None:
        """The process ends as it should: it will not be missed."""
        hook.listen(None)
        heartbeats.remove(self._directory, self._heartbeat)

    def _news(self, name: str) -> StepNews:
        return self._heartbeat.steps.setdefault(name, StepNews())

    def _beat(self) -> None:
        self._written_at = time.time()
        # A full disk must not stop the work.
        with contextlib.suppress(OSError):
            heartbeats.write(self._directory, self._heartbeat)


def start_recording(process: str, period: float) -> Recorder | None:
    """Records from now on what this process does, if its server has a directory for that; None if it has not.

    To be called in the process itself, at its start. Hand the recorder to the loops as their observer.
    """
    directory = shared_directory.find()
    if directory is None:
        return None
    recorder = Recorder(directory, process, period)
    hook.listen(recorder)
    return recorder

"""Is this server well? Judged by the heartbeats of its processes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from service.watching import heartbeats
from service.watching.heartbeats import Heartbeat

MARGIN_SECONDS = 300.0
"""How much longer than its period a process may be silent: a batch, or a few pauses after failures."""

LONG_STEPS = {"roll_turns": 3600.0, "roll_worker_turns": 3600.0}
"""The same for processes whose steps may take long: solving, and the steps of a turn over millions of rows."""

START_SECONDS = 60.0
"""In this time after the start of a server all its processes must have reported."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """About one process. `problem` is None when it is well; `pid` is None when it never reported."""

    process: str
    pid: int | None
    problem: str | None
    last_success: float | None = None
    last_error: str | None = None

    @property
    def is_healthy(self) -> bool:
        return self.problem is None

    def as_json(self) -> dict[str, object]:
        """For people and programs; the moment in UTC."""
        success = self.last_success
        return {
            "process": self.process,
            "pid": self.pid,
            "healthy": self.is_healthy,
            "problem": self.problem,
            "lastSuccess": None
            if success is None
            else datetime.fromtimestamp(success, UTC).isoformat(timespec="seconds"),
            "lastError": self.last_error,
        }

    def for_strangers(self) -> dict[str, object]:
        """The same without what tells of other servers and of this one: errors name hosts."""
        public = self.as_json()
        del public["lastError"], public["pid"]
        return public


def allowed_seconds(process: str, period: float) -> float:
    """How long a process that looks for work every `period` seconds may be silent."""
    return period + LONG_STEPS.get(process, MARGIN_SECONDS)


def judge(
    directory: Path,
    now: float | None = None,
    is_running: Callable[[int], bool] = heartbeats.is_running,
    on_replaced: Callable[[Heartbeat], None] = lambda _heartbeat: None,
) -> list[Verdict]:
    """All processes of the server, and what is wrong with each.

    A process that died and was replaced does not count (it is handed to `on_replaced`); one that was not is a problem.
    """
    moment = time.time() if now is None else now
    running: list[Heartbeat] = []
    dead: list[Heartbeat] = []
    for heartbeat in heartbeats.read_all(directory):
        (running if is_running(heartbeat.pid) else dead).append(heartbeat)
    verdicts = [_judge_one(heartbeat, moment) for heartbeat in running]
    for heartbeat in dead:
        if any(h.process == heartbeat.process and h.started_at >= heartbeat.started_at for h in running):
            on_replaced(heartbeat)
        else:
            verdicts.append(_verdict(heartbeat, "has died"))
    expected = heartbeats.read_expected(directory)
    if moment - expected.since > START_SECONDS:
        known = {verdict.process for verdict in verdicts}
        verdicts += [
            Verdict(name, None, "has not reported") for name in sorted(set(expected.processes)) if name not in known
        ]
    return sorted(verdicts, key=lambda verdict: verdict.process)


def _judge_one(heartbeat: Heartbeat, now: float) -> Verdict:
    silence = now - heartbeat.quiet_since
    if silence > heartbeat.allowed_seconds:
        return _verdict(heartbeat, f"no success for {silence:.0f} s, {heartbeat.allowed_seconds:.0f} s are allowed")
    return _verdict(heartbeat, None)


def _verdict(heartbeat: Heartbeat, problem: str | None) -> Verdict:
    errors = [(news.last_error_at or 0.0, news.last_error) for news in heartbeat.steps.values() if news.last_error]
    return Verdict(
        heartbeat.process, heartbeat.pid, problem, heartbeat.last_success, max(errors)[1] if errors else None
    )

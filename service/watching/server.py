"""Answers `/metrics`, `/health` and `/health/<process>` for all processes of one server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from service.serving.wsgi import Application
from service.watching import heartbeats
from service.watching.figures import Figures
from service.watching.health import Verdict, judge
from service.watching.heartbeats import Heartbeat

HEALTH = "/health"

StartResponse = Callable[[str, list[tuple[str, str]]], Any]


class ProcessHealth(Collector):
    """The verdict about each process, as metrics."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def describe(self) -> Iterable[Metric]:
        """Nothing, so that registering reads nothing."""
        return ()

    def collect(self) -> Iterator[Metric]:
        healthy = GaugeMetricFamily("swpt_trade_process_healthy", "Whether all of them are well", labels=["process"])
        verdicts = verdicts_of(self._directory)
        for process in sorted({verdict.process for verdict in verdicts}):
            healthy.add_metric([process], float(all(v.is_healthy for v in verdicts if v.process == process)))
        yield healthy


def verdicts_of(directory: Path) -> list[Verdict]:
    """The health of all processes. Cleans up after those that died and were replaced."""

    def forget(heartbeat: Heartbeat) -> None:
        heartbeats.remove(directory, heartbeat)
        mark_process_dead(heartbeat.pid, str(directory))  # type: ignore[no-untyped-call]

    return judge(directory, on_replaced=forget)


def application(directory: Path, figures: Figures | None) -> Application:
    """The WSGI application of one server. `figures` are those of its database."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry, str(directory))  # type: ignore[no-untyped-call]
    registry.register(ProcessHealth(directory))
    if figures is not None:
        registry.register(figures)
    metrics: Application = make_wsgi_app(registry)

    def answer(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "/").rstrip("/")
        if environ.get("REQUEST_METHOD") not in ("GET", "HEAD"):
            return _send(start_response, "405 Method Not Allowed", {"error": "only GET"})
        if path == "/metrics":
            return metrics(environ, start_response)
        if path == HEALTH:
            return _health(start_response, verdicts_of(directory))
        if path.startswith(f"{HEALTH}/"):
            process = path.removeprefix(f"{HEALTH}/")
            verdicts = [verdict for verdict in verdicts_of(directory) if verdict.process == process]
            return _health(start_response, verdicts)
        return _send(start_response, "404 Not Found", {"error": "there are /metrics and /health"})

    return answer


def _health(start_response: StartResponse, verdicts: list[Verdict]) -> Iterable[bytes]:
    # A server of which nothing is known is not well.
    is_healthy = bool(verdicts) and all(verdict.is_healthy for verdict in verdicts)
    status = "200 OK" if is_healthy else "503 Service Unavailable"
    return _send(start_response, status, {"healthy": is_healthy, "processes": [v.for_strangers() for v in verdicts]})


def _send(start_response: StartResponse, status: str, content: dict[str, object]) -> Iterable[bytes]:
    body = json.dumps(content, indent=2).encode() + b"\n"
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]

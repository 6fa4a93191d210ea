"""Runs docker-compose.yml without containers: `python -m tests.images`, or `make try-compose`.

Each service of ours is a process with the command and the environment of the file; RabbitMQ and the databases are
private servers, and turns are quick. Ends well when a turn has traded and everybody is healthy; takes a minute or two.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import yaml
from dotenv import dotenv_values

from sandbox.servers.broker import private_broker, server_script
from sandbox.servers.introspection import DEVELOPMENT_TOKEN
from sandbox.servers.postgres import PrivateServer, server_programs

ROOT = Path(__file__).parents[2]
SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
PROGRAM = [sys.executable, "-m", "admin.entrypoint"]

QUICK = {
    "TURN_PERIOD": "40s",
    "TURN_PHASE1_DURATION": "4s",
    "TURN_PHASE2_DURATION": "15s",
    "TURN_CHECK_INTERVAL": "1s",
    "APP_ROLL_WORKER_TURNS_WAIT": "1",
    "HANDLE_PRISTINE_COLLECTORS_PERIOD": "1",
}
DATABASES = ("solver-db", "worker-0-db", "worker-1-db")
SERVERS = ("sandbox", "solver", "worker-0", "worker-1", "webserver")
PATIENCE_SECONDS = 300


class Installation:
    """The services, with the addresses that they have on this machine."""

    def __init__(self, folder: Path, server: PrivateServer, broker_url: str) -> None:
        self.folder = folder
        self._server = server
        self._broker_url = broker_url
        # Above those that the file publishes, so that a real set-up may run beside this one.
        self.ports = {name: 29_100 + number for number, name in enumerate(SERVERS)}
        for name in DATABASES:
            with server.admin() as admin:
                admin.execute(f'create database "{name}"'.encode())

    def environment(self, service: str) -> dict[str, str]:
        """What the service finds in its environment."""
        values = {name: value or "" for name, value in dotenv_values(ROOT / SERVICES[service]["env_file"]).items()}
        values |= SERVICES[service].get("environment", {}) | QUICK
        values = {name: self._local(value) for name, value in values.items()}
        values |= {"APP_METRICS_DIR": str(self.folder / service), "WEBSERVER_PORT": "28080"}
        values |= {"APP_METRICS_HOST": "127.0.0.1", "APP_METRICS_PORT": str(self.ports.get(service, 0))}
        return {**os.environ, **values}

    def command(self, service: str) -> list[str]:
        """What the container would run."""
        arguments = self._local(SERVICES[service]["command"]).replace("--name sandbox", "--name localhost")
        return [*PROGRAM, *shlex.split(arguments)]

    @contextmanager
    def running(self, service: str) -> Iterator[None]:
        """The service, until the end of the block. Raises RuntimeError unless it ends well then."""
        log = self.folder / f"{service}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                self.command(service), env=self.environment(service), cwd=ROOT, stdout=output, stderr=output
            )
            try:
                yield
            finally:
                process.send_signal(signal.SIGTERM)
                status = process.wait(60)
        if status:
            raise RuntimeError(f"{service} ended with status {status}:\n{log.read_text()[-3000:]}")

    def _local(self, text: str) -> str:
        for name in DATABASES:
            text = re.sub(rf"postgresql\S*?@{name}:5432/\w+", self._server.database_url(name), text)
        text = re.sub(r"amqp://\S*rabbitmq:5672", self._broker_url, text)
        return text.replace("//sandbox:", "//localhost:").replace("8443", "28443").replace("8444", "28444")


def metric(port: int, name: str) -> float | None:
    """The value of a metric without labels; None as long as there is none."""
    try:
        found = re.search(rf"^{name} (\S+)", get(f"http://127.0.0.1:{port}/metrics"), re.MULTILINE)
    except urllib.error.URLError:
        return None
    return float(found[1]) if found else None


def get(url: str, token: str | None = None) -> str:
    """The body of a good answer."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=30) as response:
        body: bytes = response.read()
    return body.decode()


def run(installation: Installation) -> None:
    """All of it. Raises AssertionError, RuntimeError or an error of the network when something is wrong."""
    for service in ("configure-0", "configure-1"):
        with (installation.folder / f"{service}.log").open("wb") as output:
            subprocess.run(
                installation.command(service),
                env=installation.environment(service),
                cwd=ROOT,
                stdout=output,
                stderr=output,
                check=True,
            )
        print(service, "is done")
    with ExitStack() as services:
        for service in SERVERS:
            services.enter_context(installation.running(service))
        ends = time.monotonic() + PATIENCE_SECONDS
        while not (value := metric(installation.ports["solver"], "swpt_trade_solver_traded_value")):
            assert time.monotonic() < ends, "no turn has traded"
            time.sleep(1)
        print(f"a turn has traded {value:,.0f} base tokens")
        for service in ("solver", "worker-0", "worker-1"):
            health = json.loads(get(f"http://127.0.0.1:{installation.ports[service]}/health"))
            print(service, "is healthy:", ", ".join(process["process"] for process in health["processes"]))
        for service in ("sandbox", "solver", "worker-0", "worker-1"):
            subprocess.run([*PROGRAM, "health"], env=installation.environment(service), cwd=ROOT, check=True)
        web = "http://127.0.0.1:28080/trade/"
        assert get(f"{web}health/check/public") == "I am healthy."
        turns = json.loads(get(f"{web}turns/", DEVELOPMENT_TOKEN))
        print("the admin Web API knows", len(turns["items"]), "turns")


def main() -> None:
    """Runs the installation with servers of its own."""
    script = server_script()
    if script is None:
        raise SystemExit("no RabbitMQ server program")
    programs = server_programs()
    with (
        tempfile.TemporaryDirectory(prefix="swpt-compose-") as folder,
        PrivateServer(programs[min(v for v in programs if v >= 15)]) as server,
        private_broker(script) as broker_url,
    ):
        run(Installation(Path(folder), server, broker_url))
    print("all is well")


if __name__ == "__main__":
    main()

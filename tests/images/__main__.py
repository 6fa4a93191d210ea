"""Runs docker-compose.yml without an engine: `python -m tests.images`, or `make try-compose`.

Each service of ours is a process with the command and the environment of the file; RabbitMQ and the databases are
private servers, and turns are quick. Ends well when a turn has traded and everybody is healthy; takes a minute or two.

`python -m tests.images --containers`, or `make images`, builds the images first, and runs the services in them.
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
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import yaml
from dotenv import dotenv_values

from sandbox.servers.broker import private_broker, server_script
from sandbox.servers.introspection import DEVELOPMENT_TOKEN
from sandbox.servers.postgres import PrivateServer, server_programs
from tests.images.containers import Container, build, container, missing, tag
from tests.images.containers import run as run_in

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
SWAGGER_UI_PORT = 29_120
PATIENCE_SECONDS = 300


class Installation:
    """The services, with the addresses that they have on this machine."""

    def __init__(self, folder: Path, server: PrivateServer, broker_url: str) -> None:
        self.folder = folder
        self._server = server
        self._broker_url = broker_url
        # Above those that the file publishes, so that a real set-up may run beside this one.
        self.ports = {name: 29_100 + number for number, name in enumerate(SERVERS)}
        with server.admin() as admin:
            admin.execute((ROOT / "docker" / "roles.sql").read_bytes())
            for owner in {SERVICES[name]["environment"]["POSTGRES_USER"] for name in DATABASES}:
                admin.execute(f"create role {owner} login".encode())
            for name in DATABASES:
                owner = SERVICES[name]["environment"]["POSTGRES_USER"]
                admin.execute(f'create database "{name}" owner {owner}'.encode())

    def environment(self, service: str) -> dict[str, str]:
        """What the service finds in its environment."""
        values = {name: value or "" for name, value in dotenv_values(ROOT / SERVICES[service]["env_file"][0]).items()}
        values |= SERVICES[service].get("environment", {}) | QUICK
        values = {name: self._local(value) for name, value in values.items()}
        values |= {"APP_METRICS_DIR": str(self.folder / service), "WEBSERVER_PORT": "28080"}
        values |= {"APP_METRICS_HOST": "127.0.0.1", "APP_METRICS_PORT": str(self.ports.get(service, 0))}
        return self.surroundings(service) | values

    def surroundings(self, service: str) -> dict[str, str]:
        """What is in the environment of a service beside its settings."""
        return dict(os.environ)

    def command(self, service: str) -> list[str]:
        """What the container would run."""
        arguments = self._local(SERVICES[service]["command"]).replace("--name sandbox", "--name localhost")
        return self.program(service, *shlex.split(arguments))

    def program(self, service: str, *arguments: str) -> list[str]:
        """What runs a command of ours where the service runs."""
        return [*PROGRAM, *arguments]

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
            for user in set(re.findall(rf"postgresql\S*?//(\w+):\w+@{name}:5432/\w+", text)):
                url = self._server.database_url(name, user=user)
                text = re.sub(rf"postgresql[\w+]*://{user}:\w+@{name}:5432/\w+", url, text)
        text = re.sub(r"amqp://\S*rabbitmq:5672", self._broker_url, text)
        return text.replace("//sandbox:", "//localhost:").replace("8443", "28443").replace("8444", "28444")


TABLE_HEAD = """# Sizes of the images

Written by `make images OPTIONS="--table docs/images.md"`, on a base of Debian 12's packages; without compression.

"""


def size_table(sizes: dict[str, int]) -> str:
    """Megabytes of each image by its name, as Markdown."""
    rows = [f"| {name.partition('/')[2].partition(':')[0]} | {size / 1e6:.0f} |" for name, size in sizes.items()]
    return "\n".join(["| image | MB |", "|---|---|", *rows, ""])


class InContainers(Installation):
    """The services in containers of their images."""

    def __init__(
        self, folder: Path, server: PrivateServer, broker_url: str, app: Container, sandbox: Container
    ) -> None:
        super().__init__(folder, server, broker_url)
        self._app = app
        self._sandbox = sandbox

    def environment(self, service: str) -> dict[str, str]:
        return super().environment(service) | {"APP_METRICS_DIR": "/tmp/swpt-trade"}

    def surroundings(self, service: str) -> dict[str, str]:
        return self.container(service).environment

    def program(self, service: str, *arguments: str) -> list[str]:
        tmp = self.folder / "tmp" / service
        if not tmp.exists():
            tmp.mkdir(parents=True)
            tmp.chmod(0o1777)
        return self.container(service).command(tmp, *arguments)

    def container(self, service: str) -> Container:
        """Where a service runs."""
        return self._sandbox if service == "sandbox" else self._app


def look_into(app: Container, swagger_ui: Container, folder: Path) -> None:
    """What scripts of operators find in the images. Raises AssertionError when it is something else."""
    folder.mkdir()
    folder.chmod(0o1777)
    status = run_in(app, folder, ["sh", "-c", "cat /proc/self/status"]).stdout
    assert re.search(r"^Uid:\s+10001\s", status, re.MULTILINE), status
    for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb"):
        assert re.search(rf"^Cap{kind}:\s+0+$", status, re.MULTILINE), status
    assert run_in(app, folder, ["sh", "-c", "touch /usr/src/app/x"]).returncode != 0
    assert run_in(app, folder, ["sh", "-c", "touch /tmp/x"]).returncode == 0
    said = run_in(app, folder, ["psql", "--version"])
    assert said.stdout.startswith("psql "), said.stderr
    assert run_in(app, folder, ["--version"]).returncode == 0
    installed = run_in(app, folder, ["sh", "-c", "ls /opt/venv/lib/python3*/site-packages"]).stdout.split()
    unused = (ROOT / "docker" / "unused-packages.txt").read_text().split()
    assert "polars" in installed
    assert not {name.replace("-", "_").removesuffix("_py") for name in unused} & set(installed)
    assert not (swagger_ui.root / "opt" / "venv").exists()
    variables = swagger_ui.environment | {"BASE_URL": "/trade-swagger-ui"}
    with subprocess.Popen([*swagger_ui.command(folder), str(SWAGGER_UI_PORT)], env=variables) as process:
        try:
            ends = time.monotonic() + 60
            url = f"http://127.0.0.1:{SWAGGER_UI_PORT}/trade-swagger-ui/"
            while True:
                try:
                    assert "swagger-ui" in get(url)
                    break
                except urllib.error.URLError:
                    assert time.monotonic() < ends, "no Swagger UI"
                    time.sleep(0.2)
            assert json.loads(get(f"{url}openapi.json"))["info"]["title"] == "Trade API"
        finally:
            process.terminate()
    assert process.returncode == 0


def run_tests(image: Container, folder: Path) -> None:
    """Some of the tests in their image. Raises AssertionError when one fails."""
    folder.mkdir()
    folder.chmod(0o1777)
    some = ("tests/pipelines/test_texts.py", "tests/sql/collectors/test_collectors.py", "tests/images/test_compose.py")
    done = run_in(image, folder, ["test", "-q", "-m", "not slow", *some])
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    print("in the image of the tests:", done.stdout.splitlines()[-1])


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
            command = installation.program(service, "health")
            subprocess.run(command, env=installation.environment(service), cwd=ROOT, check=True)
        web = "http://127.0.0.1:28080/trade/"
        assert get(f"{web}health/check/public") == "I am healthy."
        turns = json.loads(get(f"{web}turns/", DEVELOPMENT_TOKEN))
        print("the admin Web API knows", len(turns["items"]), "turns")


def main() -> None:
    """Runs the installation with servers of its own."""
    parser = ArgumentParser(description="Runs docker-compose.yml until a turn has traded")
    parser.add_argument("--containers", action="store_true", help="build the images, and run the services in them")
    parser.add_argument("--table", type=Path, metavar="FILE", help="write the images' sizes there")
    options = parser.parse_args()
    if options.containers and (absent := missing()):
        remedy = "as root on Debian: apt-get install buildah mmdebstrap"
        print(f"images are not built, missing: {', '.join(absent)}; {remedy}", file=sys.stderr)
        raise SystemExit(1 if os.environ.get("CI") else 0)
    script = server_script()
    if script is None:
        raise SystemExit("no RabbitMQ server program")
    programs = server_programs()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="swpt-compose-")))
        if options.containers:
            begins = time.monotonic()
            sizes = build(folder)
            print(f"the images are built: {time.monotonic() - begins:.0f} s")
            print(size_table(sizes))
            if options.table:
                options.table.write_text(f"{TABLE_HEAD}{size_table(sizes)}")
        server = stack.enter_context(PrivateServer(programs[min(v for v in programs if v >= 15)]))
        broker_url = stack.enter_context(private_broker(script))
        if options.containers:
            app, sandbox, swagger_ui, tests = (
                stack.enter_context(container(tag(f"{name}-image")))
                for name in ("app", "sandbox", "swagger-ui", "tests")
            )
            run_tests(tests, folder / "tests")
            look_into(app, swagger_ui, folder / "shell")
            print("the images hold what they should")
            run(InContainers(folder, server, broker_url, app, sandbox))
        else:
            run(Installation(folder, server, broker_url))
    print("all is well")


if __name__ == "__main__":
    main()

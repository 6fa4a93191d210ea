"""A private RabbitMQ server: own home, node name, ports and data, gone after the run."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pika


def server_script() -> Path | None:
    """The server script itself; the wrapper on the PATH would change the user."""
    wrapper = shutil.which("rabbitmq-server", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if wrapper is None or shutil.which("epmd") is None:
        return None
    beside = Path(wrapper).resolve().parent
    for folder in (beside, beside.parent / "lib" / "rabbitmq" / "bin"):
        script = folder / "rabbitmq-server"
        if folder.parts[-3:] == ("lib", "rabbitmq", "bin") and script.exists():
            return script
    return None


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, below those of outgoing connections: the server binds its own only later."""
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(15_000, 32_000)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            if port not in found:
                found.append(port)
    return found


@contextmanager
def private_broker(script: Path) -> Iterator[str]:
    """Runs a server and gives its URL."""
    home = Path(tempfile.mkdtemp(prefix="swpt-rabbitmq-"))
    port, distribution_port, epmd_port = _free_ports(3)
    (home / "enabled_plugins").write_text("[].\n")
    (home / "rabbitmq.conf").write_text(f"listeners.tcp.1 = 127.0.0.1:{port}\n")
    (home / "env.conf").write_text("")
    environment = {
        **os.environ,
        "HOME": str(home),
        "ERL_EPMD_PORT": str(epmd_port),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": f"swpt-test-{os.getpid()}@localhost",
        "RABBITMQ_DIST_PORT": str(distribution_port),
        "RABBITMQ_CONF_ENV_FILE": str(home / "env.conf"),
        "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
        "RABBITMQ_MNESIA_BASE": str(home / "mnesia"),
        "RABBITMQ_LOG_BASE": str(home / "log"),
        "RABBITMQ_PID_FILE": str(home / "pid"),
    }
    with (home / "output").open("wb") as output:
        process = subprocess.Popen(
            [str(script)], env=environment, stdout=output, stderr=subprocess.STDOUT, cwd=home, start_new_session=True
        )
        try:
            url = f"amqp://guest:guest@127.0.0.1:{port}"
            _wait_until_ready(url, process, home)
            yield url
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            # The port mapper survives the server; this one is ours alone, by its port.
            subprocess.run(["epmd", "-port", str(epmd_port), "-kill"], capture_output=True, check=False)
            shutil.rmtree(home, ignore_errors=True)


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], home: Path) -> None:
    deadline = time.monotonic() + 90
    while True:
        try:
            pika.BlockingConnection(pika.URLParameters(url)).close()
            return
        except pika.exceptions.AMQPError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("RabbitMQ does not start:\n" + (home / "output").read_text()[-2000:]) from None
            time.sleep(0.3)

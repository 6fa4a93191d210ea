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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pika
import trustme


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


# How to reach a running server, by its URL.
_control: dict[str, tuple[Path, dict[str, str]]] = {}
_tls_urls: dict[str, str] = {}


def tls_url(url: str) -> str:
    """The URL of the encrypted port of a private server."""
    return _tls_urls[url]


def authority_file(url: str) -> Path:
    """The certificate of the authority which signed that of a private server; its name is `localhost`."""
    return Path(_control[url][1]["RABBITMQ_CONFIG_FILE"]).with_name("authority.pem")


def _certificates(home: Path) -> str:
    """Makes a certificate; returns the server's settings for it."""
    authority = trustme.CA()
    server = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(home / "authority.pem")
    server.cert_chain_pems[0].write_to_path(home / "server.pem")
    server.private_key_pem.write_to_path(home / "key.pem")
    return (
        f"ssl_options.cacertfile = {home}/authority.pem\nssl_options.certfile = {home}/server.pem\n"
        f"ssl_options.keyfile = {home}/key.pem\nssl_options.verify = verify_none\n"
    )


def rabbitmqctl(url: str, *arguments: str) -> str:
    """Runs an operator's command against a private server, and returns what it says."""
    program, environment = _control[url]
    done = subprocess.run(
        [str(program), "--quiet", *arguments], env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout


@dataclass(frozen=True, slots=True)
class Membership:
    """What makes a server a node of a cluster on this machine: all have one home, and find each other by one port.

    `name` is that of this node, `nodes` those of all that it may join; `silence`: seconds after which another node is
    taken for dead.
    """

    name: str
    nodes: Sequence[str]
    home: Path
    name_server_port: int = field(default_factory=lambda: _free_ports(1)[0])
    silence: int = 8

    def lines(self) -> str:
        """For the file with the settings. A minority stops, rather than go on by itself."""
        nodes = "".join(
            f"cluster_formation.classic_config.nodes.{number} = {name}\n" for number, name in enumerate(self.nodes, 1)
        )
        return (
            "cluster_partition_handling = pause_minority\n"
            "cluster_formation.peer_discovery_backend = classic_config\n"
            f"cluster_formation.discovery_retry_limit = 1\n{nodes}"
        )


class PrivateBroker:
    """A server that can be stopped and started again: same data, same port."""

    def __init__(self, script: Path, member: Membership | None = None) -> None:
        """Starts it, with empty data, alone or as a member of a cluster."""
        self._script = script
        self._home = Path(tempfile.mkdtemp(prefix="swpt-rabbitmq-", dir=member.home if member else None))
        port, tls_port, distribution_port, epmd_port = _free_ports(4)
        self._epmd_port = member.name_server_port if member else epmd_port
        self._is_member = member is not None
        self.name = member.name if member else f"swpt-test-{os.getpid()}@localhost"
        self.url = f"amqp://guest:guest@127.0.0.1:{port}"
        (self._home / "enabled_plugins").write_text("[].\n")
        (self._home / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{port}\nlisteners.ssl.1 = 127.0.0.1:{tls_port}\n"
            + _certificates(self._home)
            + (member.lines() if member else "")
        )
        silence = f"{{kernel, [{{net_ticktime, {member.silence}}}]}}" if member else ""
        (self._home / "advanced.config").write_text(f"[{silence}].\n")
        (self._home / "env.conf").write_text("")
        self._environment = {
            **os.environ,
            "HOME": str(member.home if member else self._home),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": self.name,
            "RABBITMQ_DIST_PORT": str(distribution_port),
            "RABBITMQ_CONF_ENV_FILE": str(self._home / "env.conf"),
            "RABBITMQ_CONFIG_FILE": str(self._home / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self._home / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self._home / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(self._home / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self._home / "log"),
            "RABBITMQ_PID_FILE": str(self._home / "pid"),
        }
        _control[self.url] = script.with_name("rabbitmqctl"), self._environment
        options = {"ca_certs": str(self._home / "authority.pem"), "server_hostname": "localhost"}
        _tls_urls[self.url] = f"amqps://guest:guest@127.0.0.1:{tls_port}?ssl_options={quote(repr(options))}"
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """Of its first process; the others are below that."""
        return self._process.pid

    def start(self) -> None:
        """Returns when it accepts connections."""
        with (self._home / "output").open("ab") as output:
            self._process = subprocess.Popen(
                [str(self._script)],
                env=self._environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self._home,
                start_new_session=True,
            )
        _wait_until_ready(self.url, self._process, self._home)

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """SIGTERM: in an orderly way; SIGKILL: as a power cut does, but for what the disk's cache has."""
        self.send(number)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def send(self, number: signal.Signals) -> None:
        """Sends a signal to all its processes: SIGSTOP silences it."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def close(self) -> None:
        """For ever. The cluster of a member ends what all have in common."""
        self.end(signal.SIGKILL if self._is_member else signal.SIGTERM)
        if not self._is_member:
            end_port_mapper(self._epmd_port)
        shutil.rmtree(self._home, ignore_errors=True)


def end_port_mapper(port: int) -> None:
    """It survives the server, and is ours alone, by its port. It stays while it believes that a server is there."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        done = subprocess.run(["epmd", "-port", str(port), "-kill"], capture_output=True, text=True, check=False)
        if "not allowed" not in done.stdout + done.stderr:
            return
        time.sleep(0.2)


@contextmanager
def private_broker(script: Path) -> Iterator[str]:
    """Runs a server and gives its URL."""
    broker = PrivateBroker(script)
    try:
        yield broker.url
    finally:
        broker.close()


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], home: Path) -> None:
    deadline = time.monotonic() + 300
    while True:
        try:
            pika.BlockingConnection(pika.URLParameters(url)).close()
            return
        except pika.exceptions.AMQPError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("RabbitMQ does not start:\n" + (home / "output").read_text()[-2000:]) from None
            time.sleep(0.3)

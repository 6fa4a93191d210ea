"""What keeps us from a broker is told with host, port, cause, and what to do."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme

from bridge.rabbitmq.broker import RabbitSource, RabbitTarget
from bridge.rabbitmq.setup import declare, delete
from bridge.rabbitmq.tls import NO_FILES, TlsFiles
from bridge.wire.ports import PublishError, SourceError
from bridge.wire.topology import Topology, worker_topology
from sandbox.servers.broker import authority_file, tls_url
from tests.bridge.rabbitmq.messages import message

pytestmark = pytest.mark.rabbitmq

NOTHING = Topology((), (), ())


def errors(url: str, files: TlsFiles = NO_FILES) -> list[str]:
    """What a consumer, a publisher, and whoever declares something are told."""
    with pytest.raises(SourceError) as consumer:
        RabbitSource(url, "q", 1, files=files).take(1, 0.0)
    with pytest.raises(PublishError) as publisher:
        RabbitTarget(url, files=files).publish([message("0.1", b"{}")])
    with pytest.raises(ConnectionError) as declarer:
        declare(url, NOTHING, files)
    return [str(error.value) for error in (consumer, publisher, declarer)]


def _port(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


def test_an_unknown_host() -> None:
    for text in errors("amqp://guest:s3cret@no-such-host.invalid:5673/"):
        assert "no-such-host.invalid:5673: gaierror: " in text
        assert "this name is not known here" in text
        assert "s3cret" not in text


def test_a_port_where_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    for text in errors(f"amqp://guest:guest@127.0.0.1:{port}"):
        assert f"127.0.0.1:{port}: ConnectionRefusedError: " in text
        assert "is RabbitMQ running" in text


def test_a_wrong_password(rabbitmq_url: str) -> None:
    for text in errors(rabbitmq_url.replace("guest:guest", "guest:s3cret")):
        assert f"127.0.0.1:{_port(rabbitmq_url)}: " in text
        assert "(403) 'ACCESS_REFUSED - Login was refused" in text
        assert "look at user and password" in text
        assert "s3cret" not in text


def test_an_unknown_virtual_host(rabbitmq_url: str) -> None:
    for text in errors(rabbitmq_url + "/nowhere"):
        assert f"127.0.0.1:{_port(rabbitmq_url)}: " in text
        assert "(530) 'NOT_ALLOWED - vhost nowhere not found'" in text
        assert "look at the virtual host" in text


def test_tls_where_there_is_none(rabbitmq_url: str) -> None:
    for text in errors(rabbitmq_url.replace("amqp:", "amqps:")):
        assert f"127.0.0.1:{_port(rabbitmq_url)}: SSLError: " in text
        assert "that port knows no TLS" in text


def test_no_tls_where_there_is_some(rabbitmq_url: str) -> None:
    port = _port(tls_url(rabbitmq_url))
    for text in errors(f"amqp://guest:guest@127.0.0.1:{port}"):
        assert f"127.0.0.1:{port}: IncompatibleProtocolError: " in text
        assert "amqps://" in text


def test_an_authority_that_nobody_knows(rabbitmq_url: str) -> None:
    port = _port(tls_url(rabbitmq_url))
    for text in errors(f"amqps://guest:guest@localhost:{port}"):
        assert f"localhost:{port}: SSLCertVerificationError: " in text
        assert "APP_BROKER_CA_FILE" in text


def test_a_certificate_of_another_host(rabbitmq_url: str) -> None:
    port = _port(tls_url(rabbitmq_url))
    files = TlsFiles(str(authority_file(rabbitmq_url)))
    for text in errors(f"amqps://guest:guest@127.0.0.1:{port}", files):
        assert f"127.0.0.1:{port}: SSLCertVerificationError: " in text
        assert "the host in the broker's URL has to be the name in its certificate" in text


def test_a_private_authority_is_enough(rabbitmq_url: str, name_prefix: str) -> None:
    url = f"amqps://guest:guest@localhost:{_port(tls_url(rabbitmq_url))}"
    files = TlsFiles(str(authority_file(rabbitmq_url)))
    topology = worker_topology("q", "0.#", name_prefix)
    declare(url, topology, files)
    target = RabbitTarget(url, name_prefix, files=files)
    assert target.publish([message("0.1", b"{}")]) == []
    target.close()
    source = RabbitSource(url, name_prefix + "q", 1, files=files)
    assert [delivery.body for delivery in source.take(1, 30)] == [b"{}"]
    source.close()
    delete(rabbitmq_url, topology)


@pytest.fixture
def demanding_server(tmp_path: Path) -> Iterator[Callable[[], tuple[int, Path, list[object]]]]:
    """Wants a certificate of its clients, and then hangs up. Its port, its authority, and the clients it has seen."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    authority.issue_cert("client@example.com").private_key_and_cert_chain_pem.write_to_path(
        str(tmp_path / "client.pem")
    )
    trustme.CA().issue_cert("x@example.com").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "other.pem"))
    listener = socket.create_server(("127.0.0.1", 0))
    seen: list[object] = []

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), context.wrap_socket(client, server_side=True) as secured:
                seen.append(secured.getpeercert())
                secured.recv(8)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield lambda: (listener.getsockname()[1], tmp_path / "ca.pem", seen)
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(10)


def test_a_broker_that_wants_a_certificate(
    demanding_server: Callable[[], tuple[int, Path, list[object]]],
) -> None:
    port, authority, seen = demanding_server()
    url = f"amqps://guest:guest@localhost:{port}"
    for text in errors(url, TlsFiles(str(authority))):
        assert f"localhost:{port}: " in text
        assert "APP_BROKER_CERT_FILE" in text
    for text in errors(url, TlsFiles(str(authority), str(authority.with_name("other.pem")))):
        assert "APP_BROKER_CERT_FILE" in text
    assert seen == []
    errors(url, TlsFiles(str(authority), str(authority.with_name("client.pem"))))
    assert len(seen) >= 3


def test_files_that_vanish_are_named(rabbitmq_url: str) -> None:
    url = f"amqps://guest:guest@localhost:{_port(tls_url(rabbitmq_url))}"
    with pytest.raises(FileNotFoundError, match=r"/nowhere/ca\.pem"):
        RabbitSource(url, "q", 1, files=TlsFiles("/nowhere/ca.pem")).take(1, 0.0)


def test_a_connection_that_ends_is_told_with_its_address(rabbitmq_url: str) -> None:
    source = RabbitSource(rabbitmq_url, "missing", 1)
    with pytest.raises(SourceError, match=rf"127\.0\.0\.1:{_port(rabbitmq_url)}: .*404.*PROTOCOL_BROKER_QUEUE"):
        source.take(1, 30)
    source.close()

"""An HTTPS server on this computer that serves CoinInfo documents, well or badly as told."""

from __future__ import annotations

import ssl
import tempfile
import threading
from collections import Counter
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType

import trustme

from sandbox.protocol.coin_info import COIN_INFO_TYPE, CoinInfo, render_coin_info
from sandbox.protocol.identity import u64

# After this long without a word from a client its connection is closed.
IDLE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Trouble:
    """How the server misbehaves for one currency: status and type of the answer, seconds to wait, where to redirect.

    `times` is how often (None: always).
    """

    status: int = 200
    content_type: str = COIN_INFO_TYPE
    delay: float = 0.0
    redirect_to: str | None = None
    body: bytes | None = None
    times: int | None = None


class DocumentServer:
    """Serves each currency's latest document at its locator, and each revision at an address of its own.

    Use it as a context manager. `ca_pem` is the certificate to trust. All methods may be called from any thread.
    """

    def __init__(self, name: str = "localhost", address: str = "127.0.0.1", port: int = 0) -> None:
        """Listens on this address and port (0: any free one); `name` is how clients call this computer."""
        self._name = name
        self._documents: dict[str, list[CoinInfo]] = {}
        self._troubles: dict[str, Trouble] = {}
        self._fetches: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        authority = trustme.CA()
        self.ca_pem: bytes = authority.cert_pem.bytes()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name, "127.0.0.1").configure_cert(self._context)
        self._server = _Server((address, port), self)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> DocumentServer:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Stops serving."""
        self._stopping.set()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def write_ca_file(self, folder: Path) -> Path:
        """Writes the certificate to trust into a file for programs that want a path."""
        path = folder / "sandbox-ca.pem"
        path.write_bytes(self.ca_pem)
        return path

    def client_context(self) -> ssl.SSLContext:
        """A TLS context for clients that trusts this server and nobody else."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        with tempfile.TemporaryDirectory() as folder:
            context.load_verify_locations(self.write_ca_file(Path(folder)))
        return context

    def locator(self, debtor_id: int) -> str:
        """The official address of the currency's latest document."""
        return f"https://{self._name}:{self.port}/{u64(debtor_id)}"

    def revision_iri(self, debtor_id: int, revision: int) -> str:
        """The address of one revision, as an authority gives it to its clients."""
        return f"{self.locator(debtor_id)}/public?rev={revision}"

    def put(self, info: CoinInfo) -> str:
        """Publishes a new revision (its number is set here). Returns the revision's address."""
        with self._lock:
            revisions = self._documents.setdefault(u64(info.debtor_id), [])
            revisions.append(replace(info, revision=len(revisions) + 1))
            return self.revision_iri(info.debtor_id, len(revisions))

    def misbehave(self, debtor_id: int, trouble: Trouble | None) -> None:
        """Starts trouble for a currency's addresses; None ends it."""
        with self._lock:
            self._troubles.pop(u64(debtor_id), None)
            if trouble is not None:
                self._troubles[u64(debtor_id)] = trouble

    def fetches(self, debtor_id: int | None = None) -> int:
        """How many requests came, for one currency or in all."""
        with self._lock:
            return self._fetches.total() if debtor_id is None else self._fetches[u64(debtor_id)]

    def tls(self) -> ssl.SSLContext:
        """The server's side of the encryption."""
        return self._context

    def answer(self, path: str) -> tuple[Trouble, bytes]:
        """What to send for a path, and how."""
        location, _, query = path.partition("?")
        name, _, rest = location.strip("/").partition("/")
        with self._lock:
            self._fetches[name] += 1
            trouble = self._use_up_trouble(name)
            info = self._find(name, rest, query)
        if info is None and trouble.body is None:
            return replace(trouble, status=404 if trouble.status == 200 else trouble.status), b""
        if trouble.body is not None or info is None:
            return trouble, trouble.body or b""
        return trouble, render_coin_info(info, self.locator(info.debtor_id))

    def wait(self, seconds: float) -> None:
        """Sleeps, but not longer than the server lives."""
        self._stopping.wait(seconds)

    def _find(self, name: str, rest: str, query: str) -> CoinInfo | None:
        revisions = self._documents.get(name)
        if not revisions:
            return None
        if not rest:
            return revisions[-1]
        number = query.removeprefix("rev=")
        if rest != "public" or not number.isdecimal() or not 1 <= int(number) <= len(revisions):
            return None
        return revisions[int(number) - 1]

    def _use_up_trouble(self, name: str) -> Trouble:
        trouble = self._troubles.get(name)
        if trouble is None:
            return Trouble()
        if trouble.times is not None:
            if trouble.times <= 1:
                del self._troubles[name]
            else:
                self._troubles[name] = replace(trouble, times=trouble.times - 1)
        return trouble


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], documents: DocumentServer) -> None:
        super().__init__(address, _Handler)
        self.documents = documents

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients may hang up whenever they like: that is not worth a traceback."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def setup(self) -> None:
        # Encrypt in the connection's own thread, so that a slow client holds up nobody.
        self.request.settimeout(IDLE_SECONDS)
        self.request = self.server.documents.tls().wrap_socket(self.request, server_side=True)
        super().setup()

    def finish(self) -> None:
        super().finish()
        self.connection.close()

    def do_GET(self) -> None:
        trouble, body = self.server.documents.answer(self.path)
        if trouble.delay:
            self.server.documents.wait(trouble.delay)
        self.send_response(302 if trouble.redirect_to else trouble.status)
        if trouble.redirect_to:
            self.send_header("Location", trouble.redirect_to)
        self.send_header("Content-Type", trouble.content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: the server counts its requests instead."""

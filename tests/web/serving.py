"""An application on a port of its own, for browsers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import BaseServer
from typing import TYPE_CHECKING

from werkzeug.serving import make_server

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def running(server: BaseServer) -> Iterator[str]:
    """Serves in a thread; gives the URL, without a slash at the end."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def served(app: WSGIApplication, port: int = 0) -> Iterator[str]:
    """The URL of the server, without a slash at the end; on this port, or on a free one."""
    with running(make_server("127.0.0.1", port, app, threaded=True)) as url:
        yield url

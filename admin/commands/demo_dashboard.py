"""The dashboard of `swpt-trade demo --stay`: the admin Web API within this process, for this machine only."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.demo import Databases

_HOST, _PORT = "127.0.0.1", 8080


@contextmanager
def dashboard(databases: Databases) -> Iterator[str]:
    """Serves the dashboard; gives its address. Nobody has to log in: it is invented money.

    The port is 8080, another one where that is in use.
    """
    from admin.web.app import create_app
    from service.serving.wsgi_server import WsgiServer
    from settings.config import load

    variables = {
        "SOLVER_POSTGRES_URL": databases.solver,
        "APP_WORKER_POSTGRES_URLS": " ".join(databases.workers),
        "APP_WEBSERVER_NO_TOKEN_CHECK": "true",
    }
    app = create_app(load("webserver", variables))
    # What it would tell goes between the lines of the demo.
    logging.getLogger("admin").setLevel(logging.ERROR)
    try:
        server = WsgiServer(_HOST, _PORT, app)
    except OSError:
        server = WsgiServer(_HOST, 0, app)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{_HOST}:{server.port}/trade/dashboard/"
    finally:
        server.shutdown()
        thread.join()

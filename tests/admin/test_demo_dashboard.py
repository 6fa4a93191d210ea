"""The dashboard beside the demo: on this machine only, and open to who sits at it."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import pytest

from admin.commands.demo_dashboard import dashboard
from sandbox.demo import Databases
from tests.conftest import Connection


def url(connection: Connection) -> str:
    info = connection.info
    return f"postgresql://{info.user}@{info.host}:{info.port}/{info.dbname}"


def test_the_demos_dashboard_is_open_beside_another_server(solver_db: Connection, worker_db: Connection) -> None:
    with socket.socket() as other:
        try:
            other.bind(("127.0.0.1", 8080))
            other.listen()
        except OSError:
            pass  # Somebody has it already, which is as good.
        with dashboard(Databases(url(solver_db), (url(worker_db),))) as address:
            parts = urlsplit(address)
            assert parts.hostname == "127.0.0.1"
            assert parts.port != 8080
            with urllib.request.urlopen(address, timeout=10) as response:
                assert response.status == 200
            with urllib.request.urlopen(f"http://{parts.netloc}/trade/turns/", timeout=10) as response:
                assert response.status == 200
        with pytest.raises(urllib.error.URLError):
            urllib.request.urlopen(address, timeout=2)

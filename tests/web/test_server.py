"""The process that serves the API."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

import httpx
import pytest

from sql import Kind
from tests.covering import covers
from tests.web.introspection_server import IntrospectionServer

HEALTH = "/trade/health/check/public"
UNCHECKED = {"OAUTH2_INTROSPECT_URL": "", "APP_WEBSERVER_NO_TOKEN_CHECK": "true"}


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def command(variables: Mapping[str, str]) -> subprocess.Popen[str]:
    """`swpt-trade webserver` with these variables, its output in one pipe."""
    environ = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.Popen(
        [sys.executable, "-m", "admin.cli", "webserver"],
        env=environ | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@contextmanager
def serving(variables: Mapping[str, str]) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    """A server that answers, and a client of it."""
    port = free_port()
    process = command({"WEBSERVER_PORT": str(port), **variables})
    try:
        # A connection that is kept may be the one that is closed when there are too many, just as it is used again.
        limits = httpx.Limits(max_keepalive_connections=0)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=20, limits=limits) as client:
            deadline = time.monotonic() + 60
            while True:
                try:
                    client.get(HEALTH)
                    break
                except httpx.TransportError:
                    assert process.poll() is None, process.communicate()[0]
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
            yield process, client
    finally:
        process.kill()
        process.wait()


def stop(process: subprocess.Popen[str]) -> str:
    """Ends the server as a supervisor does; returns what it printed."""
    process.send_signal(signal.SIGTERM)
    output = process.communicate(timeout=30)[0]
    assert process.returncode == 0, output
    return output


@pytest.fixture
def variables(new_database: Callable[[Kind], str], tokens: IntrospectionServer) -> dict[str, str]:
    return {"SOLVER_POSTGRES_URL": new_database("solver"), "OAUTH2_INTROSPECT_URL": tokens.url}


def test_it_says_where_the_dashboard_is(variables: dict[str, str]) -> None:
    with serving({**variables, "APP_LOG_LEVEL": "info"}) as (process, client):
        answer = client.get("/")
        assert (answer.status_code, answer.headers["Location"]) == (303, "/trade/dashboard/")
        assert client.get("/trade/dashboard/", headers={"Accept": "text/html"}).status_code == 401
        output = stop(process)
    assert re.search(r"the dashboard is at http://localhost:\d+/trade/dashboard/", output)


@pytest.mark.slow
def test_the_server_serves_and_stops(variables: dict[str, str]) -> None:
    with serving(variables | {"APP_LOG_LEVEL": "DEBUG", "WEBSERVER_PROCESSES": "2"}) as (process, client):
        health = client.get(HEALTH)
        assert (health.status_code, health.text) == (200, "I am healthy.")
        assert client.get("/trade/collectors/1/").status_code == 401
        # Headers with underscores are headers with hyphens to many applications.
        forged = {"X_Swpt_User_Id": "creditors-superuser", "X-Swpt-User-Id": "creditors-superuser"}
        assert client.get("/trade/collectors/1/", headers=forged).status_code == 401
        headers = {"Authorization": "Bearer creditor", **forged}
        assert client.get("/trade/collectors/1/", headers=headers).status_code == 403
        response = client.post(
            "/trade/collectors/18446744073709551493/activate",
            headers={"Authorization": "Bearer superuser"},
            json={"type": "ActivateCollectorsRequest", "numberOfAccounts": 3},
        )
        assert (response.status_code, response.content) == (204, b"")
        accounts = client.get(
            "/trade/collectors/18446744073709551493/", headers={"Authorization": "Bearer supervisor"}
        ).json()["items"]
        assert len(accounts) == 3
        output = stop(process)
    assert re.search(
        r'^[^\n]+:DEBUG:service\.serving\.wsgi:127\.0\.0\.1 "POST /trade/collectors/[0-9]+/activate HTTP/1\.1" 204,',
        output,
        re.M,
    )
    assert "superuser" not in re.sub(r"creditors-superuser", "", output)


@pytest.mark.slow
def test_nothing_is_logged_about_requests_by_default(variables: dict[str, str]) -> None:
    with serving(variables | {"APP_LOG_LEVEL": "info"}) as (process, client):
        client.get(HEALTH)
        assert "GET /trade" not in stop(process)


@covers("C20")
@pytest.mark.slow
def test_nothing_checks_nothing_but_for_this_machine(variables: dict[str, str]) -> None:
    """Without a token check only this machine reaches the server."""
    with serving(variables | UNCHECKED) as (process, client):
        assert client.get("/trade/collectors/1/").status_code == 200
        # Not even from here, if a page of another site asks, or under another name.
        page = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
        assert client.post("/trade/collectors/1/activate", headers=page).status_code == 403
        assert client.get("/trade/collectors/1/", headers={"Host": "evil.example"}).status_code == 403
        port = client.base_url.port
        assert port is not None
        with socket.socket() as other, pytest.raises(OSError, match="refused"):
            other.connect(("127.0.0.2", port))
        assert "no tokens are checked" in stop(process)


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        ({"APP_WEBSERVER_HOST": "0.0.0.0"}, "APP_WEBSERVER_HOST='0.0.0.0': must be .* a loopback one"),
        ({"APP_ENABLE_CORS": "true"}, "APP_ENABLE_CORS='true': must be false with APP_WEBSERVER_NO_TOKEN_CHECK"),
    ],
)
def test_the_server_refuses_to_start_dangerously(variables: dict[str, str], problem: str) -> None:
    process = command({"SOLVER_POSTGRES_URL": "postgresql://nobody@127.0.0.1:1/none", **UNCHECKED, **variables})
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 1
    assert re.search(problem, output)
    assert "Traceback" not in output


@pytest.mark.slow
@pytest.mark.parametrize(
    ("url", "is_warned_of"), [("http://tokens.invalid/", True), ("https://tokens.invalid/", False)]
)
def test_tokens_that_others_can_read_are_warned_of(variables: dict[str, str], url: str, is_warned_of: bool) -> None:
    with serving(variables | {"OAUTH2_INTROSPECT_URL": url}) as (process, _):
        assert ("OAUTH2_INTROSPECT_URL is not https://" in stop(process)) == is_warned_of


@contextmanager
def silent_server() -> Iterator[str]:
    """A server that takes connections, and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=500) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"


@pytest.mark.slow
def test_slow_clients_block_nobody(variables: dict[str, str]) -> None:
    """Whatever they are slow with, and however many there are."""
    beginnings = [
        b"",
        b"G",
        b"GET /trade/turns/ HTTP/1.1\r\nHost: h\r\n",
        b"POST /trade/collectors/1/activate HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n{",
        b"GET /trade/.docs/swagger-ui-files/swagger-ui-bundle.js HTTP/1.1\r\nHost: h\r\n\r\n",
    ]
    with serving(variables) as (process, client), ExitStack() as slow:
        for number in range(500):
            connection = slow.enter_context(socket.create_connection(("127.0.0.1", client.base_url.port or 0), 30))
            connection.sendall(beginnings[number % len(beginnings)])
        assert client.get(HEALTH).text == "I am healthy."
        turns = client.get("/trade/turns/", headers={"Authorization": "Bearer superuser"})
        assert turns.status_code == 200
        # Nor does a stop wait for them.
        stop(process)


@pytest.mark.slow
def test_health_is_told_while_the_token_server_is_silent(variables: dict[str, str]) -> None:
    with (
        silent_server() as url,
        serving(variables | {"OAUTH2_INTROSPECT_URL": url, "WEBSERVER_THREADS": "1"}) as (process, client),
        ExitStack() as pending,
    ):
        for number in range(100):
            connection = pending.enter_context(socket.create_connection(("127.0.0.1", client.base_url.port or 0), 30))
            connection.sendall(
                b"GET /trade/turns/ HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer token-%d\r\n\r\n" % number
            )
        for _ in range(5):
            assert client.get(HEALTH).text == "I am healthy."
        assert client.get("/trade/turns/", headers={"Authorization": "Bearer t"}).status_code == 503
        assert "can be checked" in stop(process)


@pytest.mark.slow
def test_health_is_told_while_the_database_is_silent(variables: dict[str, str]) -> None:
    with silent_server() as url:
        silent = f"postgresql://nobody@{url.removeprefix('http://')}none"
        with (
            serving(variables | {"SOLVER_POSTGRES_URL": silent, "WEBSERVER_THREADS": "1"}) as (process, client),
            ExitStack() as pending,
        ):
            for _ in range(60):
                connection = pending.enter_context(
                    socket.create_connection(("127.0.0.1", client.base_url.port or 0), 30)
                )
                connection.sendall(b"GET /trade/turns/ HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer superuser\r\n\r\n")
            for _ in range(5):
                assert client.get(HEALTH).text == "I am healthy."
            stop(process)


@pytest.mark.slow
def test_the_address_to_listen_on_is_a_setting(variables: dict[str, str]) -> None:
    with serving(variables | {"APP_WEBSERVER_HOST": "127.0.0.1"}) as (process, client):
        with socket.socket() as other, pytest.raises(OSError, match="refused"):
            other.connect(("127.0.0.2", client.base_url.port or 0))
        stop(process)


def test_the_server_refuses_to_start_unchecked() -> None:
    process = command({"SOLVER_POSTGRES_URL": "postgresql://nobody@127.0.0.1:1/none"})
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 1
    assert re.search(r"OAUTH2_INTROSPECT_URL is not set: must be .*APP_WEBSERVER_NO_TOKEN_CHECK", output)
    assert "Traceback" not in output


@pytest.mark.slow
def test_no_processes_mean_an_idle_server(variables: dict[str, str]) -> None:
    process = command({**variables, "WEBSERVER_PROCESSES": "0", "APP_LOG_LEVEL": "info"})
    assert process.stdout is not None
    try:
        # First it says what it is.
        lines = [process.stdout.readline() for _ in range(2)]
        assert "nothing is served" in lines[1]
        stop(process)
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_the_development_server_finds_the_application(tokens: IntrospectionServer) -> None:
    environ = {"SOLVER_POSTGRES_URL": "postgresql://nobody@127.0.0.1:1/none", "OAUTH2_INTROSPECT_URL": tokens.url}
    output = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "admin.web.development", "routes"],
        env={"PATH": os.environ["PATH"], **environ},
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout
    assert "/trade/collectors/<id:debtorId>/activate" in output

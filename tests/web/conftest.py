"""The admin Web API on fresh databases, with an authorization server beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from admin.web.app import create_app
from admin.web.services import services_of
from settings.config import load
from sql import Kind
from tests.conftest import Connection
from tests.databases import as_role, connection_to
from tests.web.introspection_server import IntrospectionServer, introspection_server

EVERY_SCOPE = "access activate deactivate"
OWNER = 12345


@dataclass
class Web:
    """The application, what it is made of, and calls with the tokens of three users."""

    client: FlaskClient
    tokens: IntrospectionServer
    solver: Connection
    worker: Connection

    def call(self, method: str, path: str, token: str | None = "superuser", **options: Any) -> TestResponse:
        """A request with this token, or without any."""
        headers = dict(options.pop("headers", {}))
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        return self.client.open(path, method=method, headers=headers, **options)

    def get(self, path: str, token: str | None = "superuser", **options: Any) -> TestResponse:
        return self.call("GET", path, token, **options)

    def post(self, path: str, token: str | None = "superuser", **options: Any) -> TestResponse:
        return self.call("POST", path, token, **options)


@pytest.fixture(scope="session")
def authorization_server() -> Iterator[IntrospectionServer]:
    with introspection_server() as server:
        yield server


@pytest.fixture
def tokens(authorization_server: IntrospectionServer) -> IntrospectionServer:
    """The authorization server, which knows a superuser, a supervisor, a creditor, the owner and somebody else."""
    authorization_server.answers.clear()
    authorization_server.requests.clear()
    authorization_server.allow("superuser", "creditors-superuser", EVERY_SCOPE)
    authorization_server.allow("supervisor", "creditors-supervisor", EVERY_SCOPE)
    authorization_server.allow("creditor", "creditors:123", EVERY_SCOPE)
    authorization_server.allow("owner", f"creditors:{OWNER}", EVERY_SCOPE)
    authorization_server.allow("somebody", "somebody", EVERY_SCOPE)
    return authorization_server


@pytest.fixture
def make_client(tokens: IntrospectionServer) -> Iterator[Callable[..., FlaskClient]]:
    """Call it with variables to get a client of an application with these settings."""
    apps = []

    def make(**variables: str) -> FlaskClient:
        environ = {"SOLVER_POSTGRES_URL": "postgresql://nobody@127.0.0.1:1/none", "OAUTH2_INTROSPECT_URL": tokens.url}
        apps.append(create_app(load("webserver", environ | variables)))
        return apps[-1].test_client()

    yield make
    for app in apps:
        if (introspector := services_of(app).introspector) is not None:
            introspector.close()


@pytest.fixture
def web(
    new_database: Callable[[Kind], str], tokens: IntrospectionServer, make_client: Callable[..., FlaskClient]
) -> Iterator[Web]:
    """The whole API, with one worker database. It has the rights of an operator, the tests those of the owner."""
    solver_url, worker_url = new_database("solver"), new_database("worker")
    client = make_client(
        SOLVER_POSTGRES_URL=as_role(solver_url, "operator"),
        APP_WORKER_POSTGRES_URLS=as_role(worker_url, "operator"),
        OWNER_CREDITOR_ID=str(OWNER),
    )
    with (
        connection_to(solver_url) as solver,
        connection_to(worker_url) as worker,
    ):
        yield Web(client, tokens, solver, worker)

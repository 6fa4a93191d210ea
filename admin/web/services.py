"""What the views need, kept with the application."""

from __future__ import annotations

from dataclasses import dataclass

import flask

from admin.web.database import Database
from admin.web.introspection import Introspector, introspector
from settings.config import Config

_NAME = "swpt_trade"


@dataclass(frozen=True)
class Services:
    """The configuration, the databases, and who knows about tokens (None: nobody checks them)."""

    config: Config
    solver: Database
    workers: tuple[Database, ...]
    introspector: Introspector | None


def connect(config: Config) -> Services:
    """The databases; connections come when they are needed."""
    size = config.solver_client_pool_size or config.webserver_threads
    return Services(
        config,
        Database(config.solver_postgres_url, size),
        tuple(Database(url, config.webserver_threads) for url in config.app_worker_postgres_urls),
        None if config.app_webserver_no_token_check else introspector(config),
    )


def attach(app: flask.Flask, attached: Services) -> None:
    """Makes the services those of the application."""
    app.extensions[_NAME] = attached


def services_of(app: flask.Flask) -> Services:
    """The services of this application."""
    found: Services = app.extensions[_NAME]
    return found


def services() -> Services:
    """The services of the application that handles the current request."""
    return services_of(flask.current_app)

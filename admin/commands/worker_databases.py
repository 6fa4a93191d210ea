"""The worker databases that a command looks into: those that the web server shows, or this shard's."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, LiteralString, TypeVar

import click

from admin.commands.collector_arguments import database, explanation

Result = TypeVar("Result")


def ask_all(query: LiteralString, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
    """The rows that all databases in APP_WORKER_POSTGRES_URLS, or the one in WORKER_POSTGRES_URL, have for a query.

    Whatever goes wrong is a click.ClickException of one or two lines.
    """
    rows: list[tuple[Any, ...]] = []
    for url, variable in _databases():
        with database(url, "worker", variable) as worker:
            rows += worker.execute(query, parameters).fetchall()
    return rows


def look_into_all(look: Callable[[Any], Result]) -> list[Result | str]:
    """What there is to see in each worker database that is named, or why there is nothing; empty if none is named."""
    found: list[Result | str] = []
    for url, variable in _databases(may_be_none=True):
        try:
            with database(url, "worker", variable) as worker:
                found.append(look(worker))
        except click.ClickException as error:
            found.append(f"a worker database in {variable}: {error.message}")
    return found


def decide(query: LiteralString, parameters: Sequence[object], unknown_here: str) -> None:
    """Tells the worker database that knows what this is about; the others answer with the error code `unknown_here`."""
    import psycopg

    unknown = "no worker database"
    for url, variable in _databases():
        with database(url, "worker", variable) as worker:
            try:
                worker.execute(query, parameters)
                return
            except psycopg.Error as error:
                if error.sqlstate != unknown_here:
                    raise
                unknown = explanation(error)
    raise click.ClickException(unknown)


def _databases(*, may_be_none: bool = False) -> Iterator[tuple[str, str]]:
    """URLs of the worker databases, and the variable that has them."""
    from settings.config import ConfigError, load
    from settings.secret_files import SUFFIX

    variables = ("WORKER_POSTGRES_URL", "WORKER_POSTGRES_URL" + SUFFIX)
    try:
        config = load("webserver", used=("APP_WORKER_POSTGRES_URLS",))
        if not config.app_worker_postgres_urls:
            if may_be_none and not any(os.environ.get(name, "").strip() for name in variables):
                return
            config = load("worker", used=("WORKER_POSTGRES_URL",))
    except ConfigError as error:
        raise click.ClickException(str(error)) from None
    variable = "APP_WORKER_POSTGRES_URLS" if config.app_worker_postgres_urls else "WORKER_POSTGRES_URL"
    for url in config.app_worker_postgres_urls or (config.worker_postgres_url,):
        yield url, variable

"""What a server says when it starts: what it is, and on what. Nothing secret."""

from __future__ import annotations

import logging
import os
import platform
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

from bridge.rabbitmq.hosts import one_for_each_host
from settings.config import Config

logger = logging.getLogger(__name__)


def introduce(config: Config, name: str) -> None:
    """One line about this server. `name`: worker, solver, webserver, or the command of a part."""
    places = [f"solver database {database_place(config.solver_postgres_url)}"]
    if config.worker_postgres_url:
        shard = f"{config.protocol_broker_queue_routing_key} (queue {config.protocol_broker_queue})"
        places.insert(0, f"shard {shard}, worker database {database_place(config.worker_postgres_url)}")
        places.append(f"broker {broker_place(config.protocol_broker_url)}")
        if config.has_internal_broker:
            internal = config.internal_queue
            places.append(f"broker of internal messages {broker_place(internal.url)} (queue {internal.name})")
    logger.info(
        "%s of swpt-trade %s, on Python %s, %s, user ID %s: %s",
        name,
        version("swpt-trade"),
        platform.python_version(),
        platform.system(),
        os.geteuid(),
        ", ".join(places),
    )


def introduce_database(connection: psycopg.Connection[Any], kind: str) -> None:
    """One line about the server of a database."""
    info = connection.info
    number = info.server_version
    logger.info(
        "the %s database is %s at %s:%s, PostgreSQL %s.%s, as user %s",
        kind,
        info.dbname,
        info.host,
        info.port,
        number // 10_000,
        number % 10_000,
        info.user,
    )


def database_place(url: str) -> str:
    """Host, port and name in the URL of a database."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        return "?"
    host = parts.get("host") or parts.get("hostaddr") or os.environ.get("PGHOST", "(local socket)")
    return f"{host}:{parts.get('port') or os.environ.get('PGPORT', 5432)}/{parts.get('dbname') or ''}"


def broker_place(url: str) -> str:
    """Protocol, hosts, ports and virtual host in the URL of a broker."""
    try:
        all_parts = [urlsplit(each) for each in one_for_each_host(url)]
        parts = all_parts[0]
        if parts.fragment:
            # A password that was not escaped.
            return "?"
        virtual_host = parts.path if parts.path != "/" else ""
        usual = 5671 if parts.scheme == "amqps" else 5672
        hosts = ",".join(f"{each.hostname}:{each.port or usual}" for each in all_parts)
        return f"{parts.scheme}://{hosts}{virtual_host}"
    except ValueError:
        return "?"

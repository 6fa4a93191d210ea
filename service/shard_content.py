"""Whether a worker's database has only rows of its own shard; what a split looks at before and after."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Any

import psycopg

from settings.config import Config

logger = logging.getLogger(__name__)

Connection = psycopg.Connection[tuple[Any, ...]]

VARIABLES = (
    "WORKER_POSTGRES_URL",
    "PROTOCOL_BROKER_QUEUE_ROUTING_KEY",
    "APP_VERIFY_SHARD_YIELD_PER",
    "APP_VERIFY_SHARD_SLEEP_SECONDS",
)
"""What `verify_shard_content` looks at."""

_FIRST_PAGES = 100
_MOST_PAGES = 100_000
_LARGEST_GROWTH = 10


@dataclass(frozen=True, slots=True)
class _Realm:
    mask: int
    realm: int


def verify(worker: Connection, config: Config) -> bool:
    """Whether all rows belong to the shard. Logs an ERROR at the first one that does not. Raises psycopg.Error."""
    found = find_foreign_row(worker, config)
    if found is not None:
        logger.error("%s. With DELETE_PARENT_SHARD_RECORDS=true workers remove what a split left behind", found)
    return found is None


def find_foreign_row(worker: Connection, config: Config) -> str | None:
    """What the first row is that does not belong to the shard; None: there is none. Raises psycopg.Error."""
    realm = _realm(worker, config)
    tables = worker.execute("select schema_name, table_name from worker.sharded_tables()").fetchall()
    for schema, table in tables:
        row = _first_foreign_row(worker, config, realm, schema, table)
        if row is not None:
            key = config.protocol_broker_queue_routing_key if _is_key_set(config) else "that of the database"
            return f"{schema}.{table} has a row of another shard than {key}: {row}"
    return None


def _is_key_set(config: Config) -> bool:
    return "protocol_broker_queue_routing_key" in config.model_fields_set


def _realm(worker: Connection, config: Config) -> _Realm:
    if _is_key_set(config):
        return _Realm(config.realm.mask, config.realm.realm)
    row = worker.execute("select realm_mask, realm from worker.configuration").fetchone()
    assert row is not None
    return _Realm(*row)


def _first_foreign_row(worker: Connection, config: Config, realm: _Realm, schema: str, table: str) -> str | None:
    """The first row outside the realm, for people. Goes by pages, as many as have about the wanted number of rows."""
    page, pages = 0, _FIRST_PAGES
    while True:
        found = worker.execute(
            "select row_count, foreign_row, is_end from worker.find_foreign_row(%s, %s, %s, %s, %s, %s)",
            (schema, table, page, pages, realm.mask, realm.realm),
        ).fetchone()
        assert found is not None
        count, foreign_row, is_end = found
        if foreign_row is not None or is_end:
            return None if foreign_row is None else str(foreign_row)
        page += pages
        wanted = pages * config.app_verify_shard_yield_per // max(count, 1)
        pages = max(1, min(wanted, pages * _LARGEST_GROWTH, _MOST_PAGES))
        time.sleep(config.app_verify_shard_sleep_seconds.total_seconds())

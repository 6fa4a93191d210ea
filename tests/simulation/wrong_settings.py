"""A process that starts with the settings of another shard: it has to be refused, and nothing may change."""

from __future__ import annotations

import json
import random
from typing import Any
from uuid import UUID

import psycopg

from bridge.wire.sharding import Realm
from sandbox.protocol.identity import DEFAULT_MIN_COLLECTOR_ID
from tests.simulation.violation import Violation

INSTALLATION = UUID(int=1)


def bind(worker: psycopg.Connection[Any], binding_key: str) -> None:
    """What `configure` does with the database of a shard."""
    worker.execute("select worker.bind_identity(%s, %s, false)", (INSTALLATION, binding_key))


def start_wrongly(worker: psycopg.Connection[Any], binding_key: str, dice: random.Random) -> bool:
    """Returns whether there was something to refuse. Raises `Violation` when it was not refused."""
    key = dice.choice([key for key in ("#", "0.#", "1.#", "1.0.#", "1.1.#", "0.0.1.#") if key != binding_key])
    if key.removesuffix("#")[:-2] + "#" == binding_key:
        # A half of the shard may take its database.
        return False
    settings: dict[str, Any] = {"delete_parent_shard_records": True}
    if dice.random() < 0.5:
        realm = Realm.parse(key)
        settings |= {"binding_key": key, "realm": realm.realm, "realm_mask": realm.mask}
    else:
        has_collectors = worker.execute("select exists (select from worker.needed_worker_account)").fetchone()
        if has_collectors != (True,):
            return False
        low = DEFAULT_MIN_COLLECTOR_ID
        settings |= {"min_collector_id": low - 2, "max_collector_id": low - 1}
    before = worker.execute("select * from worker.configuration").fetchall()
    try:
        worker.execute("select worker.set_configuration(%s)", (json.dumps(settings),))
    except psycopg.Error as error:
        if error.sqlstate not in ("ST040", "ST042"):
            raise
    else:
        raise Violation(f"a process started with {settings} on the database of {binding_key}")
    if worker.execute("select * from worker.configuration").fetchall() != before:
        raise Violation("a refused process has changed the settings")
    return True

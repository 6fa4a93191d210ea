"""Realms for tests, and keys whose place is known: 666 begins with bits 10, 1 with 11, 3 and 888 with 0."""

from __future__ import annotations

import json

from bridge.wire.sharding import Realm
from tests.conftest import Connection

OWN, SIBLING, STRANGER = 666, 1, 3
"""Keys for the realm `1.0.#`: its own, one of the other half of the parent `1.#`, and one of neither."""


def set_realm(connection: Connection, binding_key: str, *, delete: bool) -> None:
    """Configures the shard as a daemon would; `delete` is DELETE_PARENT_SHARD_RECORDS."""
    realm = Realm.parse(binding_key)
    settings = {
        "binding_key": binding_key,
        "realm": realm.realm,
        "realm_mask": realm.mask,
        "parent_realm": realm.parent_realm,
        "parent_realm_mask": realm.parent_mask,
        "delete_parent_shard_records": delete,
    }
    connection.execute("select worker.set_configuration(%s)", (json.dumps(settings),))

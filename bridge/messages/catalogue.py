"""The class of each message type, and which types are taken from where."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.messages import internal, smp
from bridge.messages.names import (
    CONSUMED_TYPES,
    INTERNAL_TYPES,
    NOTIFICATION_TYPES,
    SMP_RECEIVED_TYPES,
    SMP_SENT_TYPES,
)
from bridge.messages.types import WireMessage
from bridge.wire.topology import CREDITORS_IN, DEFAULT_EXCHANGE, TO_TRADE

STRUCTS: dict[str, type[WireMessage]] = {
    **{name: getattr(smp, name) for name in (*SMP_SENT_TYPES, *SMP_RECEIVED_TYPES, *NOTIFICATION_TYPES)},
    **{name: getattr(internal, name) for name in INTERNAL_TYPES},
}

# What is taken, by the exchange that a message was published to. The broker keeps that name on the way through others.
# Accounting authorities reach `creditors_in`, and must not say what only shards and the creditors agent have to say.
# What operators put back from the dead letters comes by the default exchange.
TAKEN_FROM: Mapping[str, frozenset[str]] = {
    CREDITORS_IN: frozenset(SMP_RECEIVED_TYPES),
    TO_TRADE: CONSUMED_TYPES,
    DEFAULT_EXCHANGE: CONSUMED_TYPES,
}

# The field each type is sharded by.
SHARDING_FIELDS = {name: struct.sharding_field for name, struct in STRUCTS.items()}

"""What surrounds an outgoing message: exchange, routing key, headers, mandatory flag."""

from __future__ import annotations

from bridge.messages.codec import encode_message
from bridge.messages.names import SMP_SENT_TYPES
from bridge.messages.smp import ConfigureAccount, FinalizeTransfer, PrepareTransfer
from bridge.messages.types import WireMessage
from bridge.wire.ports import Publication
from bridge.wire.sharding import binary_routing_key, hexadecimal_routing_key
from bridge.wire.topology import CREDITORS_OUT, TO_TRADE

_SMP_SENT = frozenset(SMP_SENT_TYPES)


def publication(message: WireMessage) -> Publication:
    """How a worker publishes the message: to an accounting authority, or to the worker whose key it carries."""
    type_name = type(message).__name__
    if type_name not in _SMP_SENT:
        return Publication(
            exchange=TO_TRADE,
            routing_key=binary_routing_key(message.sharding_key),
            type=type_name,
            body=encode_message(message),
            headers={"message-type": type_name},
            mandatory=True,
        )
    assert isinstance(message, ConfigureAccount | PrepareTransfer | FinalizeTransfer)
    headers: dict[str, str | int | bool] = {
        "message-type": type_name,
        "creditor-id": message.creditor_id,
        "debtor-id": message.debtor_id,
    }
    if not isinstance(message, ConfigureAccount):
        headers["coordinator-id"] = message.coordinator_id
        headers["coordinator-type"] = message.coordinator_type
    return Publication(
        exchange=CREDITORS_OUT,
        routing_key=hexadecimal_routing_key(message.debtor_id),
        type=type_name,
        body=encode_message(message),
        headers=headers,
        mandatory=isinstance(message, FinalizeTransfer),
    )

"""One worked example of every message type, with its routing key; byte for byte as on the wire."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bridge.wire.ports import Delivery

_LINES = (Path(__file__).parent / "worked_examples.tsv").read_text().splitlines()

# (message type, routing key, body); TriggerTransfer is there twice, the first time as the notice of an unpaid amount.
WORKED: list[tuple[str, str, bytes]] = [
    (json.loads(text)["type"], routing_key, text.encode())
    for routing_key, text in (line.split("\t") for line in _LINES)
]
EXAMPLES: dict[str, dict[str, Any]] = {type_name: json.loads(body) for type_name, _, body in WORKED}


def delivery(type_name: str | None, body: bytes, routing_key: str = "", tag: int = 1) -> Delivery:
    return Delivery(
        tag=tag,
        exchange="to_trade",
        routing_key=routing_key,
        type=type_name,
        content_type="application/json",
        headers={},
        body=body,
    )


def changed(type_name: str, **changes: object) -> bytes:
    """The worked example with some fields changed; a value of `...` removes the field."""
    fields = {**EXAMPLES[type_name], **changes}
    return json.dumps({name: value for name, value in fields.items() if value is not ...}).encode()

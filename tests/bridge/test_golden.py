"""Every message type as it crosses the broker, both ways, against files that are not made by our own code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pika
import pytest
from pika import frame, spec

from bridge.messages.catalogue import STRUCTS
from bridge.messages.codec import BadMessage, Message, build, decode
from bridge.messages.names import CONSUMED_TYPES, OUTGOING_TYPES
from bridge.messages.publications import publication
from bridge.outbound import Outbound
from bridge.rabbitmq.broker import RabbitTarget
from bridge.rabbitmq.frames import FrameReader, encode_publications
from bridge.rabbitmq.setup import declare, delete
from bridge.wire.ports import Delivery, Publication
from bridge.wire.sharding import Realm, binary_routing_key
from bridge.wire.topology import peer_topology, worker_topology
from tests.bridge.outgoing import put
from tests.conftest import Connection

FOLDER = Path(__file__).parent / "golden"
NAMES = sorted(path.stem for path in FOLDER.glob("[A-Z]*.json"))
ODD_FORMS: list[dict[str, Any]] = json.loads((FOLDER / "odd_forms.json").read_text())


class Literal(str):
    """A number with a point or an exponent, as it is written."""


def golden(name: str, **options: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(), **options)
    return found


def exact(body: bytes) -> list[tuple[str, object]]:
    """Fields in their order, numbers as they are written."""
    return list(json.loads(body, parse_float=Literal).items())


GOLDEN = {name: golden(name) for name in NAMES}
SENT = [name for name in NAMES if "sent" in GOLDEN[name]["direction"]]
RECEIVED = [name for name in NAMES if "received" in GOLDEN[name]["direction"]]


def type_of(name: str) -> str:
    return name.partition("-")[0]


def test_there_is_a_file_for_every_type_and_direction() -> None:
    assert {type_of(name) for name in NAMES} == STRUCTS.keys()
    assert len(STRUCTS) == 26
    assert {type_of(name) for name in SENT} == set(OUTGOING_TYPES)
    assert {type_of(name) for name in RECEIVED} == CONSUMED_TYPES


def wire_body(name: str) -> bytes:
    """The body without the spaces of the file, everything else as it is written there."""
    text = (FOLDER / f"{name}.json").read_text()
    start = text.index("{", text.index('"body"'))
    lines = [line.strip() for line in text[start:].splitlines()[1:-2]]
    return "{{{}}}".format("".join(line.replace('": ', '":', 1) for line in lines)).encode()


def json_type(value: object) -> str:
    kinds = {str: "string", int: "integer", bool: "boolean", Literal: "number", type(None): "null"}
    return kinds[type(value)]


@pytest.mark.parametrize("name", NAMES)
def test_the_files_are_consistent(name: str) -> None:
    file = GOLDEN[name]
    assert json.loads(wire_body(name)) == file["body"]
    fields = dict(exact(wire_body(name)))
    assert fields.keys() == file["json_types"].keys()
    for field, value in fields.items():
        assert json_type(value) in file["json_types"][field].split(" or "), field


# What we send.


def sent_frames(name: str) -> tuple[Any, Any, bytes]:
    """The method, the properties and the body of our frames, as the client library reads them."""
    message = build(type_of(name), GOLDEN[name]["body"])
    encoded = encode_publications([publication(message)], "", 131_000)
    frames = []
    while encoded:
        size, found = frame.decode_frame(encoded)
        frames.append(found)
        encoded = encoded[size:]
    method, header, body = frames
    assert header.body_size == len(body.fragment)
    return method.method, header.properties, body.fragment


@pytest.mark.parametrize("name", SENT)
def test_what_is_sent_is_as_recorded(name: str) -> None:
    file = GOLDEN[name]
    method, properties, body = sent_frames(name)
    assert body == wire_body(name)
    assert (method.exchange, method.routing_key) == (file["exchange"], file["routing_key"])
    assert (method.mandatory, method.immediate) == (file["mandatory"], False)
    assert {key: value for key, value in vars(properties).items() if value is not None} == {
        **file["properties"],
        "headers": {header: entry["value"] for header, entry in file["headers"].items()},
    }


@pytest.mark.parametrize("name", SENT)
def test_the_amqp_types_of_sent_headers(name: str) -> None:
    file = GOLDEN[name]
    encoded = encode_publications([publication(build(type_of(name), file["body"]))], "", 131_000)
    for header, entry in file["headers"].items():
        at = encoded.index(bytes([len(header)]) + header.encode())
        assert chr(encoded[at + 1 + len(header)]) == entry["amqp_type"], header


@pytest.fixture
def everything_bound(rabbitmq_url: str, name_prefix: str) -> Iterator[str]:
    """Exchanges whose messages all come into queues `worker` and `peer`; gives the prefix of names."""
    topologies = worker_topology("worker", "#", name_prefix), peer_topology("peer", "#", name_prefix)
    for topology in topologies:
        declare(rabbitmq_url, topology)
    yield name_prefix
    for topology in reversed(topologies):
        delete(rabbitmq_url, topology)


@pytest.mark.rabbitmq
def test_what_is_sent_through_a_broker_is_as_recorded(
    rabbitmq_url: str, everything_bound: str, worker_db: Connection
) -> None:
    """From the outgoing queues in the database to what a consumer gets."""
    prefix = everything_bound
    for name in SENT:
        put(worker_db, type_of(name), GOLDEN[name]["body"])
    target = RabbitTarget(rabbitmq_url, prefix)
    assert Outbound(worker_db, target, Realm.parse("#")).run_once() == len(SENT) == 17
    target.close()
    connection = pika.BlockingConnection(pika.URLParameters(rabbitmq_url))
    channel = connection.channel()
    found = {}
    for queue in ("worker", "peer"):
        while (got := channel.basic_get(prefix + queue, auto_ack=True))[0] is not None:
            method, properties, body = got
            # The library tells the two widths of numbers apart by their class.
            headers = {key: (value, type(value).__name__) for key, value in properties.headers.items()}
            rest = {key: value for key, value in vars(properties).items() if value is not None and key != "headers"}
            found[body] = (method.exchange, method.routing_key, rest, headers)
    connection.close()
    classes = {"S": "str", "I": "int", "l": "long"}
    assert found == {
        wire_body(name): (
            prefix + file["exchange"],
            file["routing_key"],
            file["properties"],
            {header: (entry["value"], classes[entry["amqp_type"]]) for header, entry in file["headers"].items()},
        )
        for name, file in ((name, GOLDEN[name]) for name in SENT)
    }


# What we receive.


def delivered(name: str, body: bytes, **changed: Any) -> Delivery:
    """As the broker delivers it: frames made by the client library, read by us."""
    file = GOLDEN[name]
    properties = {**file["properties"], **changed}
    headers = {header: entry["value"] for header, entry in file["headers"].items()}
    method = spec.Basic.Deliver("ctag1.0", 7, False, "to_trade", file["routing_key"])
    frames = [
        frame.Method(1, method).marshal(),
        frame.Header(1, len(body), pika.BasicProperties(**properties, headers=headers)).marshal(),
        # Two body frames, as of a large message.
        *(frame.Body(1, part).marshal() for part in (body[:20], body[20:])),
    ]
    reader = FrameReader(1000)
    for encoded in frames:
        assert reader.read(encoded[0], encoded, 7, len(encoded) - 1)
    (delivery,) = reader.deliveries
    assert (delivery.tag, delivery.routing_key, delivery.headers) == (1007, file["routing_key"], headers)
    return delivery


def read(name: str, body: bytes, **changed: Any) -> Message:
    return decode(delivered(name, body, **changed))


def stored(message: Message) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(message.inbox_json())
    return found


@pytest.mark.parametrize("name", RECEIVED)
def test_what_is_received_is_stored_as_recorded(name: str) -> None:
    message = read(name, wire_body(name))
    assert message.type == type_of(name)
    assert binary_routing_key(message.key) == GOLDEN[name]["routing_key"]
    expected = {
        field: value.replace("+00:00", "Z") if field.endswith(("ts", "_at", "deadline")) else value
        for field, value in GOLDEN[name]["body"].items()
    }
    assert stored(message) == expected


@pytest.mark.parametrize("name", RECEIVED)
def test_fields_may_come_in_any_order_with_spaces(name: str) -> None:
    fields = dict(reversed(GOLDEN[name]["body"].items()))
    pretty = json.dumps(fields, indent=4, ensure_ascii=True).encode()
    assert read(name, pretty).fields == read(name, wire_body(name)).fields


@pytest.mark.parametrize("name", RECEIVED)
def test_messages_with_a_field_missing_or_of_another_type_are_refused(name: str) -> None:
    body = GOLDEN[name]["body"]
    wrong = {"string": [7, True, None], "integer": ["7", True, None, 7.5], "number": ["7", True, None]}
    wrong["boolean"] = ["true", 1, 0, None]
    for field, kinds in GOLDEN[name]["json_types"].items():
        kind, _, nullable = kinds.partition(" or ")
        for value in [*wrong[kind], [], {}]:
            if value is None and (nullable or field == "unpaid"):
                continue
            with pytest.raises(BadMessage):
                read(name, json.dumps({**body, field: value}).encode())
        if not nullable and field != "unpaid":
            with pytest.raises(BadMessage):
                read(name, json.dumps({key: value for key, value in body.items() if key != field}).encode())


@pytest.mark.parametrize("name", RECEIVED)
@pytest.mark.parametrize(
    "changed",
    [
        {"content_type": None},
        {"content_type": "application/json; charset=utf-8"},
        {"content_type": "APPLICATION/JSON"},
        {"type": None},
        {"type": "PrepareTransfer"},
    ],
)
def test_rules_1_and_2(name: str, changed: dict[str, Any]) -> None:
    with pytest.raises(BadMessage):
        read(name, wire_body(name), **changed)


@pytest.mark.parametrize("form", ODD_FORMS, ids=[f"{form['note']}-{form['type']}" for form in ODD_FORMS])
def test_odd_forms_are_read_or_refused_as_recorded(form: dict[str, Any]) -> None:
    name = form["type"]
    fields = {field: json.dumps(value) for field, value in GOLDEN[name]["body"].items()} | form["with"]
    text = ",".join(f'"{field}":{value}' for field, value in fields.items() if value is not None)
    body = f"{{{text}}}".encode()
    if form.get("refused"):
        with pytest.raises(BadMessage):
            read(name, body)
        return
    found = stored(read(name, body))
    for field, value in form["reads_as"].items():
        assert (found[field], type(found[field])) == (value, type(value))


def test_strange_headers_harm_nobody() -> None:
    """A header of a type that the client library cannot decode would otherwise end the connection, again and again."""
    body = wire_body("UpdatedFlags")
    table = b"\x01a\x01zz"
    header = (
        b"\x00\x3c\x00\x00" + len(body).to_bytes(8, "big") + (0xA020).to_bytes(2, "big") + b"\x10application/json"
        + len(table).to_bytes(4, "big") + table + b"\x0cUpdatedFlags"
    )  # fmt: skip
    reader = FrameReader(0)
    method = frame.Method(1, spec.Basic.Deliver("c", 1, True, "to_trade", "0.1")).marshal()
    assert reader.read(method[0], method, 7, len(method) - 1)
    assert reader.read(2, header, 0, len(header))
    assert reader.read(3, body, 0, len(body))
    (delivery,) = reader.deliveries
    assert decode(delivery).type == "UpdatedFlags"
    assert delivery.redelivered


def test_damaged_properties_make_a_bad_message() -> None:
    reader = FrameReader(0)
    method = frame.Method(1, spec.Basic.Deliver("c", 1, False, "to_trade", "0.1")).marshal()
    assert reader.read(method[0], method, 7, len(method) - 1)
    header = b"\x00\x3c\x00\x00" + bytes(8) + b"\xff\xfe\x40abc"
    assert reader.read(2, header, 0, len(header))
    (delivery,) = reader.deliveries
    assert (delivery.content_type, delivery.type, delivery.body) == (None, None, b"")


def test_frames_are_those_of_the_client_library() -> None:
    """For any texts, numbers and body sizes."""
    for size in (0, 1, 99, 100, 101, 250):
        item = Publication(
            "e" * size if size < 256 else "",
            "ключ",
            "T" * size,
            b"x" * size,
            {"small": -(2**31), "large": 2**31, "least": -(2**63), "yes": True, "no": False, "text": "é" * size},
            mandatory=size % 2 == 0,
            app_id="приложение",
            content_type="",
        )
        properties = pika.BasicProperties(
            delivery_mode=2, app_id=item.app_id, content_type="", type=item.type, headers=dict(item.headers)
        )
        publish = spec.Basic.Publish(
            exchange="p." + item.exchange, routing_key=item.routing_key, mandatory=item.mandatory
        )
        expected = frame.Method(1, publish).marshal() + frame.Header(1, size, properties).marshal()
        for start in range(0, size, 100):
            expected += frame.Body(1, item.body[start : start + 100]).marshal()
        assert encode_publications([item, item], "p.", 100) == expected * 2


@pytest.mark.parametrize("field", ["exchange", "routing_key", "type"])
def test_names_that_do_not_fit_are_refused(field: str) -> None:
    values = {"exchange": "", "routing_key": "", "type": "", "body": b""} | {field: "é" * 128}
    with pytest.raises(ValueError, match=r"255|too long"):
        encode_publications([Publication(**values)], "", 100)  # type: ignore[arg-type]

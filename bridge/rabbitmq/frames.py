"""AMQP frames of what comes and goes by the thousand: deliveries, confirmations and publications.

The client library runs the connection (handshake, heartbeats, channel, errors, closing) and writes and reads all other
frames. It makes a dozen objects and several copies for each message, though; here a message costs one pass over its
bytes. The layout is that of AMQP 0-9-1, sections 2.3 and 4.2.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import pika.exceptions
import pika.frame
from pika import data as tables
from pika.adapters.select_connection import SelectConnection

from bridge.wire.ports import Delivery, Headers, Publication

RECEIVE_BYTES = 256 * 1024
"""Most bytes read from the socket at once. Reading more often would hand the interpreter over more often."""

_METHOD, _HEADER, _BODY = 1, 2, 3
_FRAME = struct.Struct(">BHI")
_FRAME_BYTES = _FRAME.size + 1
_FRAME_END = 0xCE
_CHANNEL = 1

_METHOD_ID = struct.Struct(">I")
_PUBLISH = 0x003C0028
_DELIVER = 0x003C003C
_ACK = 0x003C0050
_NACK = 0x003C0078
_CONFIRMATIONS = (_ACK, _NACK)
_UINT16 = struct.Struct(">H")
_UINT64 = struct.Struct(">Q")
_INT32 = struct.Struct(">ci")
_INT64 = struct.Struct(">cq")

# Class, weight, size of the body, which properties there are.
_CONTENT = struct.Struct(">HHQH")
_BASIC = 60
_CONTENT_TYPE, _CONTENT_ENCODING, _HEADERS, _DELIVERY_MODE, _PRIORITY = 0x8000, 0x4000, 0x2000, 0x1000, 0x0800
_SHORT_TEXTS_BEFORE_TIMESTAMP = (0x0400, 0x0200, 0x0100, 0x0080)
_TIMESTAMP, _TYPE, _APP_ID = 0x0040, 0x0020, 0x0008
_OUR_PROPERTIES = _CONTENT_TYPE | _HEADERS | _DELIVERY_MODE | _TYPE | _APP_ID
_PERSISTENT = b"\x02"


class Confirmation(NamedTuple):
    """The broker's answer to publications: to number `tag` of the channel, or to all up to it."""

    tag: int
    multiple: bool
    is_refusal: bool


class FrameConnection(SelectConnection):
    """A connection that reads deliveries and confirmations itself, and hands them over in lists.

    `on_deliveries` and `on_confirmations` run in the thread of the I/O loop. Bodies of more than `most_bytes` are read
    and forgotten.
    """

    def __init__(
        self,
        parameters: pika.ConnectionParameters,
        on_deliveries: Callable[[list[Delivery]], None],
        on_confirmations: Callable[[list[Confirmation]], None],
        first_tag: int = 0,
        most_bytes: int | None = None,
        **callbacks: Callable[..., None],
    ) -> None:
        self._on_deliveries = on_deliveries
        self._on_confirmations = on_confirmations
        self._is_established = False
        self._frame_buffer = b""
        self._reader = FrameReader(first_tag, most_bytes)
        super().__init__(parameters, **callbacks)

    @property
    def body_bytes(self) -> int:
        """How much of a body fits into one frame."""
        return int(self._body_max_length)

    def send(self, frames: bytes) -> None:
        """Writes whole frames of an open channel."""
        self.bytes_sent += len(frames)
        self._adapter_emit_data(frames)

    def abort(self) -> None:
        """Ends the connection without asking the broker, which may not answer."""
        self._terminate_stream(pika.exceptions.ConnectionClosedByClient(200, "aborted"))

    def _proto_connection_made(self, transport: Any) -> None:
        transport._MAX_RECV_BYTES = RECEIVE_BYTES
        super()._proto_connection_made(transport)

    def _on_data_available(self, data_in: bytes) -> None:
        if not self._is_established:
            # The handshake belongs to the library.
            super()._on_data_available(data_in)
            self._is_established = self.is_open
            return
        self.bytes_received += len(data_in)
        buffer = self._frame_buffer + data_in if self._frame_buffer else data_in
        reader = self._reader
        position, end = 0, len(buffer)
        while end - position >= _FRAME_BYTES:
            kind, _channel, size = _FRAME.unpack_from(buffer, position)
            start = position + _FRAME.size
            stop = start + size
            if stop >= end:
                break
            if buffer[stop] != _FRAME_END:
                raise pika.exceptions.InvalidFrameError("Invalid FRAME_END marker")
            if not reader.read(kind, buffer, start, stop):
                # All that came before it comes first.
                self._hand_over()
                _, frame = pika.frame.decode_frame(buffer[position : stop + 1])
                self._process_frame(frame)
                if self.is_closed:
                    return
            position = stop + 1
        self._frame_buffer = buffer[position:]
        self._hand_over()

    def _hand_over(self) -> None:
        reader = self._reader
        if reader.deliveries:
            deliveries, reader.deliveries = reader.deliveries, []
            self._on_deliveries(deliveries)
        if reader.confirmations:
            confirmations, reader.confirmations = reader.confirmations, []
            self._on_confirmations(confirmations)


class FrameReader:
    """Puts deliveries together out of their frames. There is one channel, so these come one after the other."""

    def __init__(self, first_tag: int, most_bytes: int | None = None) -> None:
        self._most_bytes = most_bytes
        self.deliveries: list[Delivery] = []
        self.confirmations: list[Confirmation] = []
        self._is_open = False
        self._first_tag = first_tag
        self._tag = 0
        self._redelivered = False
        self._exchange = ""
        self._routing_key = ""
        self._content_type: str | None = None
        self._type: str | None = None
        self._headers: Headers = {}
        self._missing = 0
        self._omitted_bytes = 0
        self._parts: list[bytes] = []

    def read(self, kind: int, buffer: bytes, start: int, stop: int) -> bool:
        """Reads the payload of one frame. False: it is none of ours."""
        if kind == _METHOD:
            method: int = _METHOD_ID.unpack_from(buffer, start)[0]
            if method == _DELIVER:
                self._read_deliver(buffer, start + 4, stop)
                return True
            if method in _CONFIRMATIONS:
                bits = buffer[start + 12]
                tag: int = _UINT64.unpack_from(buffer, start + 4)[0]
                self.confirmations.append(Confirmation(tag, bool(bits & 1), method == _NACK))
                return True
            return False
        if not self._is_open:
            # A heartbeat, or the content of a message that the broker returned.
            return False
        if kind == _HEADER:
            self._missing = size = _UINT64.unpack_from(buffer, start + 4)[0]
            self._omitted_bytes = size if self._most_bytes is not None and size > self._most_bytes else 0
            self._content_type, self._type, self._headers = read_properties(buffer[start + 12 : stop])
        elif kind == _BODY:
            self._missing -= stop - start
            if not self._omitted_bytes:
                self._parts.append(buffer[start:stop])
        else:
            return False
        if self._missing <= 0:
            self._finish()
        return True

    def _read_deliver(self, buffer: bytes, at: int, stop: int) -> None:
        at += 1 + buffer[at]  # the consumer's name
        self._tag = self._first_tag + _UINT64.unpack_from(buffer, at)[0]
        self._redelivered = bool(buffer[at + 8] & 1)
        exchange = at + 10
        key = exchange + buffer[at + 9]
        self._exchange = buffer[exchange:key].decode("utf-8", "replace")
        self._routing_key = buffer[key + 1 : stop].decode("utf-8", "replace")
        self._parts = []
        self._is_open = True

    def _finish(self) -> None:
        self._is_open = False
        parts = self._parts
        self.deliveries.append(
            Delivery(
                self._tag,
                self._exchange,
                self._routing_key,
                self._type,
                self._content_type,
                self._headers,
                parts[0] if len(parts) == 1 else b"".join(parts),
                self._redelivered,
                self._omitted_bytes,
            )
        )


class LateHeaders(Mapping[str, Any]):
    """The headers of a delivery, decoded when somebody wants to see them: the bridge does not.

    So strange ones, which the library cannot decode, do not end the connection again and again.
    """

    __slots__ = ("_encoded", "_values")

    def __init__(self, encoded: bytes) -> None:
        self._encoded = encoded
        self._values: dict[str, Any] | None = None

    def __getitem__(self, name: str) -> Any:
        return self._decoded()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._decoded())

    def __len__(self) -> int:
        return len(self._decoded())

    def _decoded(self) -> dict[str, Any]:
        if self._values is None:
            self._values = dict(tables.decode_table(self._encoded, 0)[0])
        return self._values


def read_properties(encoded: bytes) -> tuple[str | None, str | None, Headers]:
    """Content type, type and headers of a message; what is missing or unreadable is None or empty."""
    content_type = message_type = None
    headers: Headers = {}
    try:
        flags: int = _UINT16.unpack_from(encoded)[0]
        at = 2
        if flags & _CONTENT_TYPE:
            content_type, at = _short_text(encoded, at)
        if flags & _CONTENT_ENCODING:
            at += 1 + encoded[at]
        if flags & _HEADERS:
            stop = at + 4 + _METHOD_ID.unpack_from(encoded, at)[0]
            headers, at = LateHeaders(encoded[at:stop]), stop
        if flags & _DELIVERY_MODE:
            at += 1
        if flags & _PRIORITY:
            at += 1
        for flag in _SHORT_TEXTS_BEFORE_TIMESTAMP:
            if flags & flag:
                at += 1 + encoded[at]
        if flags & _TIMESTAMP:
            at += 8
        if flags & _TYPE:
            message_type, at = _short_text(encoded, at)
    except (IndexError, struct.error, UnicodeDecodeError):
        pass
    return content_type, message_type, headers


def _short_text(encoded: bytes, at: int) -> tuple[str, int]:
    stop = at + 1 + encoded[at]
    if stop > len(encoded):
        raise IndexError("the text is cut off")
    return encoded[at + 1 : stop].decode(), stop


def encode_publications(batch: Sequence[Publication], prefix: str, body_bytes: int) -> bytes:
    """The frames of messages on their way to the exchanges whose names begin with `prefix`.

    Raises ValueError when a name or routing key has more than 255 bytes.
    """
    pieces: list[bytes] = []
    for item in batch:
        body = item.body
        key = item.routing_key.encode()
        head = _publish_head(prefix + item.exchange)
        content_type, rest = _constant_properties(item.content_type, item.type, item.app_id)
        headers = b"".join([_header(name, value) for name, value in item.headers.items()])
        if len(key) > 255:
            raise ValueError("the routing key is too long")
        pieces += (
            _FRAME.pack(_METHOD, _CHANNEL, len(head) + len(key) + 2),
            head,
            _BYTES[len(key)],
            key,
            b"\x01\xce" if item.mandatory else b"\x00\xce",
            _FRAME.pack(_HEADER, _CHANNEL, _CONTENT.size + len(content_type) + 4 + len(headers) + len(rest)),
            _CONTENT.pack(_BASIC, 0, len(body), _OUR_PROPERTIES),
            content_type,
            _METHOD_ID.pack(len(headers)),
            headers,
            rest,
        )
        if len(body) <= body_bytes:
            if body:
                pieces += (b"\xce", _FRAME.pack(_BODY, _CHANNEL, len(body)), body)
        else:
            for start in range(0, len(body), body_bytes):
                part = body[start : start + body_bytes]
                pieces += (b"\xce", _FRAME.pack(_BODY, _CHANNEL, len(part)), part)
        pieces.append(b"\xce")
    return b"".join(pieces)


_BYTES = tuple(bytes([value]) for value in range(256))


@lru_cache(maxsize=1000)
def _short(text: str) -> bytes:
    encoded = text.encode()
    if len(encoded) > 255:
        raise ValueError(f"longer than 255 bytes: {text[:50]}…")
    return _BYTES[len(encoded)] + encoded


@lru_cache(maxsize=100)
def _publish_head(exchange: str) -> bytes:
    return _METHOD_ID.pack(_PUBLISH) + b"\0\0" + _short(exchange)


@lru_cache(maxsize=1000)
def _constant_properties(content_type: str, message_type: str, app_id: str) -> tuple[bytes, bytes]:
    """What stands before the headers, and after them."""
    return _short(content_type), _PERSISTENT + _short(message_type) + _short(app_id)


def _header(name: str, value: str | int | bool) -> bytes:
    if type(value) is int:
        if -(2**31) <= value < 2**31:
            return _short(name) + _INT32.pack(b"I", value)
        return _short(name) + _INT64.pack(b"l", value)
    return _other_header(name, value)


@lru_cache(maxsize=1000, typed=True)
def _other_header(name: str, value: str | int | bool) -> bytes:
    pieces: list[bytes] = []
    tables.encode_value(pieces, value)
    return _short(name) + b"".join(pieces)

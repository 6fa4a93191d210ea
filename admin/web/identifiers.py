"""Identifiers in paths and in JSON: 64-bit IDs are unsigned decimal strings."""

from __future__ import annotations

import re
from typing import Any, Final

import marshmallow as ma
from flask_smorest import Api
from werkzeug.routing import BaseConverter, Map, ValidationError

UNSIGNED_ID: Final = "(?:0|[1-9][0-9]{0,19})"
_ID_SCHEMA: Final = {"type": "string", "pattern": f"^{UNSIGNED_ID}$".replace("?:", "")}
_UNSIGNED = re.compile(UNSIGNED_ID)
_MAX_TURN_ID = 2**31 - 1
_MAX_ROW_ID = 2**63 - 1


def to_unsigned(number: int) -> str:
    """-1 becomes 18446744073709551615."""
    return str(number % 2**64)


def to_signed(text: str) -> int:
    """The opposite of `to_unsigned`. Raises ValueError above 2^64-1."""
    number = int(text)
    if number >= 2**64:
        raise ValueError("an ID has 64 bits")
    return number - 2**64 if number >= 2**63 else number


class UnsignedIdConverter(BaseConverter):
    """A debtor ID or collector ID in a path. Anything else is not found."""

    regex = UNSIGNED_ID

    def to_python(self, value: str) -> int:
        try:
            return to_signed(value)
        except ValueError:
            raise ValidationError from None

    def to_url(self, value: int) -> str:
        return to_unsigned(value)


class _NumberConverter(BaseConverter):
    """A number without superfluous zeros and signs, up to a maximum."""

    regex = UNSIGNED_ID
    maximum = _MAX_ROW_ID

    def to_python(self, value: str) -> int:
        if int(value) > self.maximum:
            raise ValidationError
        return int(value)


class TurnIdConverter(_NumberConverter):
    """The number of a turn in a path."""

    maximum = _MAX_TURN_ID


class RowIdConverter(_NumberConverter):
    """The number of a worker database, or of a message that was set aside."""


class QueueNameConverter(BaseConverter):
    """The name of a queue in a worker database. Whether there is such a queue, the database says."""

    regex = "[a-z][a-z0-9_]{0,62}"


class UnsignedId(ma.fields.Field[int]):
    """A signed 64-bit ID, which is an unsigned decimal string in JSON and in query parameters."""

    def __init__(self, **kwargs: Any) -> None:
        messages: dict[str, Any] = {"invalid": "Not an unsigned 64-bit integer."}
        super().__init__(**kwargs, error_messages=messages, metadata={"pattern": _ID_SCHEMA["pattern"]})

    def _serialize(self, value: int | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else to_unsigned(value)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        if not isinstance(value, str) or not _UNSIGNED.fullmatch(value):
            raise self.make_error("invalid")
        try:
            return to_signed(value)
        except ValueError:
            raise self.make_error("invalid") from None


class SignedId(ma.fields.String):
    """The other form of an ID, beside an UnsignedId of the same attribute: a signed decimal string. Only for output."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs, dump_only=True, metadata={"pattern": "^(0|-?[1-9][0-9]{0,18})$"})


def register_converters(url_map: Map) -> None:
    """Makes `<id:…>`, `<turn:…>`, `<number:…>` and `<queue:…>` usable in paths."""
    url_map.converters["id"] = UnsignedIdConverter
    url_map.converters["turn"] = TurnIdConverter
    url_map.converters["number"] = RowIdConverter
    url_map.converters["queue"] = QueueNameConverter


def document_identifiers(api: Api) -> None:
    """Lets the OpenAPI document show what identifiers really look like."""
    api.register_field(UnsignedId, "string", None)
    api.register_converter(UnsignedIdConverter, lambda _: _ID_SCHEMA)
    api.register_converter(
        _NumberConverter,
        lambda converter: {"type": "integer", "format": "int64", "minimum": 0, "maximum": converter.maximum},
    )

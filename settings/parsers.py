"""How the texts of environment variables become values. Every parser raises ValueError for a text it does not take.

Each kind of variable is one object: put into `Annotated[type, KIND]` it makes pydantic read the field that way, and the
documentation takes its name and its rule from it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticUseDefault, core_schema

from bridge.wire.sharding import Realm
from settings.urls import libpq_url, show_url

T = TypeVar("T")

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_INTEGER = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_ID = re.compile(r"\s*(-?)(0[xX][0-9a-fA-F]+|0|[1-9][0-9]*)\s*")
_DURATION = re.compile(r"([0-9.eE+-]+)([smhdw]?)\s*")

_MEMORY = re.compile(r"([0-9]+) *(|kb|mb|gb|tb)", re.IGNORECASE)

_TRUE = {"true", "on", "yes", "y", "t", "1"}
_FALSE = {"false", "off", "no", "n", "f", "0", ""}
_UNIT_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_UNIT_KILOBYTES = {"": 1, "kb": 1, "mb": 2**10, "gb": 2**20, "tb": 2**30}
_LIMIT_SECONDS = 10**9 * 86400
_MAX_DIGITS = 100


def parse_text(text: str) -> str:
    """Any text of one line."""
    if not text.isprintable() and _CONTROL.search(text):
        raise ValueError("control characters")
    return text


def parse_integer(text: str) -> int:
    """A decimal integer of any size, with or without a sign."""
    if not _INTEGER.fullmatch(text) or len(text) > _MAX_DIGITS:
        raise ValueError("not an integer")
    return int(text)


def parse_number(text: str) -> float:
    """A finite decimal number such as `-0.5` or `1e-6`."""
    number = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(number):
        raise ValueError("not a finite number")
    return number


def parse_boolean(text: str) -> bool:
    """One of the usual words, in any letter case; the empty text is false."""
    word = text.lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError("not a boolean")


def parse_duration(text: str) -> timedelta:
    """A number that is not negative and a unit: s, m, h, d or w, seconds if there is none."""
    parts = _DURATION.fullmatch(text)
    if not parts:
        raise ValueError("not a duration")
    number = parse_number(parts[1])
    if number < 0:
        raise ValueError("a negative duration")
    return _seconds(number * _UNIT_SECONDS[parts[2]])


def parse_seconds(text: str) -> timedelta:
    """A number of seconds. Whether it may be negative is up to the variable's own check."""
    return _seconds(parse_number(text))


def parse_days(text: str) -> timedelta:
    """A number of days. Whether it may be negative is up to the variable's own check."""
    return _seconds(parse_number(text) * 86400)


def _seconds(seconds: float) -> timedelta:
    if not abs(seconds) < _LIMIT_SECONDS:
        raise ValueError("too long")
    return timedelta(seconds=seconds)


def parse_id(text: str) -> int:
    """A decimal or 0x… hexadecimal integer from -2^63 to 2^64-1; the upper half stands for negative IDs."""
    parts = _ID.fullmatch(text)
    if not parts or len(text) > _MAX_DIGITS:
        raise ValueError("not an ID")
    digits = parts[2]
    number = int(digits, 16 if digits[:2].lower() == "0x" else 10)
    if parts[1]:
        number = -number
    if not -(2**63) <= number < 2**64:
        raise ValueError("out of range")
    return number - 2**64 if number >= 2**63 else number


def parse_binding_key(text: str) -> str:
    """A binding key of 0 to 16 bits, such as `0.1.#`."""
    return Realm.parse(text).binding_key


def parse_memory(text: str) -> str:
    """An amount of memory as PostgreSQL writes it, from 64kB to 2047GB, in kB if there is no unit."""
    parts = _MEMORY.fullmatch(text)
    kilobytes = int(parts[1]) * _UNIT_KILOBYTES[parts[2].lower()] if parts and len(text) < _MAX_DIGITS else 0
    if not 64 <= kilobytes < 2**31:
        raise ValueError("not an amount of memory")
    return f"{kilobytes}kB" if kilobytes % 1024 else f"{kilobytes // 1024}MB"


def parse_names(text: str) -> tuple[str, ...]:
    """Names with blanks between them."""
    return tuple(text.split())


def parse_ports(text: str) -> tuple[tuple[int, int], ...]:
    """Ports, and ranges of ports such as `1024-65535`, with commas between them."""
    ranges = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        bounds = parse_integer(first.strip()), parse_integer((last if dash else first).strip())
        if not 1 <= bounds[0] <= bounds[1] <= 65535:
            raise ValueError("not a range of ports")
        ranges.append(bounds)
    return tuple(ranges)


def write_ports(ranges: Sequence[tuple[int, int]]) -> str:
    """The other way round."""
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)


def parse_database_urls(text: str) -> tuple[str, ...]:
    """URLs of PostgreSQL databases with blanks between them."""
    return tuple(map(libpq_url, text.split()))


def parse_regex(text: str) -> re.Pattern[str]:
    """A Python regular expression; to be used with `fullmatch`."""
    try:
        return re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError("not a regular expression") from error


def parse_json_object(text: str) -> dict[str, Any]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    return value


@dataclass(frozen=True)
class Kind(Generic[T]):
    """A kind of variable: its parser, and what people are told about it.

    `show` makes a text of the variable fit to be printed, `write` makes a text that is parsed to the given value.
    """

    name: str
    allowed: str
    parse: Callable[[str], T]
    empty_is_unset: bool = False
    show: Callable[[str], str] = str
    write: Callable[[T], str] = str

    def __get_pydantic_core_schema__(self, _source: object, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._read)

    def can_read(self, text: str) -> bool:
        """Whether the text is a value, or stands for the default."""
        try:
            self._read(text)
        except ValueError:
            return False
        except PydanticUseDefault:
            pass
        return True

    def _read(self, text: str) -> T:
        if self.empty_is_unset and not text:
            raise PydanticUseDefault
        return self.parse(text)


def write_duration(duration: timedelta) -> str:
    """The duration in the largest unit that leaves no fraction."""
    for unit in "wdhm":
        if duration and not duration % timedelta(seconds=_UNIT_SECONDS[unit]):
            return f"{duration // timedelta(seconds=_UNIT_SECONDS[unit])}{unit}"
    return f"{duration / timedelta(seconds=1):.15g}s"


TEXT = Kind("text", "a text of one line", parse_text)
SECRET = Kind("text", "a text of one line", parse_text, show=lambda _: "***")
URL = Kind("text", "a URL", parse_text, show=show_url)
DATABASE_URL = Kind("text", "a URL such as postgresql://user:password@host:5432/database", libpq_url, show=show_url)
DATABASE_URLS = Kind(
    "URLs",
    "URLs of databases with blanks between them",
    parse_database_urls,
    show=lambda text: " ".join(map(show_url, text.split())),
    write=" ".join,
)
INTEGER = Kind("integer", "a decimal integer", parse_integer, empty_is_unset=True)
NUMBER = Kind("number", "a finite decimal number, such as 0.5 or 1e-6", parse_number, empty_is_unset=True)
SECONDS = Kind(
    "number, seconds",
    "a decimal number of seconds, below 10^9 days",
    parse_seconds,
    empty_is_unset=True,
    write=lambda duration: f"{duration / timedelta(seconds=1)}",
)
DAYS = Kind(
    "number, days",
    "a decimal number of days, below 10^9",
    parse_days,
    empty_is_unset=True,
    write=lambda duration: f"{duration / timedelta(days=1)}",
)
BOOLEAN = Kind(
    "boolean",
    "true, on, yes, y, t, 1, or false, off, no, n, f, 0, or empty",
    parse_boolean,
    write=lambda value: str(value).lower(),
)
DURATION = Kind(
    "duration",
    "a number from 0, optionally followed by s, m, h, d or w, below 10^9 days, such as 2.5h",
    parse_duration,
    empty_is_unset=True,
    write=write_duration,
)
ID = Kind(
    "ID",
    "a decimal or 0x hexadecimal integer from -2^63 to 2^64-1",
    parse_id,
    empty_is_unset=True,
    write=lambda number: f"{number:#018x}",
)
BINDING_KEY = Kind(
    "binding key",
    "0 to 16 bits, each followed by a dot, and then #, such as 0.1.#",
    parse_binding_key,
)
MEMORY = Kind(
    "memory",
    "an amount of memory from 64kB to 2047GB, such as 50MB, in kB if there is no unit",
    parse_memory,
    empty_is_unset=True,
)
NAMES = Kind("names", "names with blanks between them", parse_names, write=" ".join)
PORTS = Kind(
    "ports",
    "ports from 1 to 65535, or ranges of them, with commas between them, such as 443,1024-65535",
    parse_ports,
    empty_is_unset=True,
    write=write_ports,
)
REGEX = Kind("regex", "a Python regular expression", parse_regex, write=lambda pattern: pattern.pattern)
JSON_OBJECT = Kind("JSON object", "a JSON object", parse_json_object, empty_is_unset=True, write=json.dumps)

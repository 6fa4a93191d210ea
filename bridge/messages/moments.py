"""Moments as the protocol writes and reads them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import msgspec

_MOMENT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]+))?)?"
    r"(?:Z|([+-])([0-9]{2})(?::?([0-9]{2}))?)?"
)

_encode_json = msgspec.json.Encoder().encode


def parse_moment(text: str) -> datetime:
    """Reads an ISO 8601 moment; without UTC offset it is UTC, digits beyond microseconds are cut off.

    Returns it in UTC. Raises ValueError for other forms, and when the UTC value is outside the years 1 to 9999.
    """
    match = _MOMENT.fullmatch(text)
    if match is None:
        raise ValueError("not an ISO 8601 moment")
    year, month, day, hour, minute, second, fraction, sign, offset_hours, offset_minutes = match.groups()
    offset = timedelta(0)
    if sign is not None:
        hours, minutes = int(offset_hours), int(offset_minutes or 0)
        if hours > 23 or minutes > 59:
            raise ValueError("impossible UTC offset")
        offset = timedelta(hours=hours, minutes=minutes)
        if sign == "-":
            offset = -offset
    microsecond = int((fraction or "0")[:6].ljust(6, "0"))
    local = datetime(
        int(year), int(month), int(day), int(hour), int(minute), int(second or 0), microsecond, timezone(offset)
    )
    try:
        return local.astimezone(UTC)
    except OverflowError:
        raise ValueError("moment is outside the years 1 to 9999") from None


def format_moment(moment: datetime) -> str:
    """Writes an aware moment: always UTC, `+00:00`, a fraction only when it is not zero."""
    text = _encode_json(moment if moment.tzinfo is UTC else moment.astimezone(UTC))
    # The same as isoformat() in a third of its time: between quotes, and with a Z at the end.
    return text[1:-2].decode() + "+00:00"

"""How the pages of the dashboard write moments, lengths of time, numbers and names."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from admin.web.identifiers import to_unsigned
from pipelines.texts import shown, shown_lines


def moment(value: datetime | None) -> str:
    """`2026-01-05 02:00 UTC`."""
    return "–" if value is None else f"{value:%Y-%m-%d %H:%M} UTC"


def span(value: timedelta | float) -> str:
    """A length of time in its two largest units: `2 h 5 min`."""
    seconds = int(value.total_seconds() if isinstance(value, timedelta) else value)
    parts: list[str] = []
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, seconds = divmod(seconds, length)
        if count or parts or unit == "s":
            parts.append(f"{count} {unit}")
    return " ".join(part for part in parts[:2] if len(parts) == 1 or not part.startswith("0 "))


def number(value: float | None) -> str:
    """With a thin space between thousands, and without digits after the point; None is beyond doubles."""
    return "more than 10^308" if value is None else f"{value:,.0f}".replace(",", "\N{THIN SPACE}")


def share(value: float | None) -> str:
    """A part in percent, never rounded up to all of it; None: not known."""
    if value is None:
        return "–"
    return "more than 99.99%" if 0.9999 < value < 1.0 else f"{value:.2%}"


FILTERS: dict[str, Callable[..., Any]] = {
    "moment": moment,
    "span": span,
    "number": number,
    "share": share,
    "unsigned": to_unsigned,
    "shown": shown,
    "shown_lines": shown_lines,
}

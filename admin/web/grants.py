"""What an authorization server's answer about a token means (RFC 7662)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Grant:
    """What a valid token gives: the user it stands for, its scopes, and the end of its life (seconds since 1970)."""

    subject: str
    scopes: frozenset[str]
    expires_at: float


@dataclass(frozen=True, slots=True)
class Reading:
    """How answers are read: which claim names the user, and for whom tokens have to be made (empty: for anybody)."""

    user_claim: str = "sub"
    audience: str = ""

    def grant(self, answer: dict[str, Any]) -> Grant | None:
        """What an answer says; None if the token is not active, for somebody else, or nobody's."""
        if answer.get("active") is not True:
            return None
        if self.audience and self.audience not in _texts(answer.get("aud")):
            return None
        subject = _text(answer.get(self.user_claim))
        # The server that this one replaces knew `sub` only; some servers leave it out for users of their own.
        if not subject and self.user_claim == "sub":
            subject = _text(answer.get("username"))
        if not subject:
            return None
        scopes = frozenset(scope for text in _texts(answer.get("scope")) for scope in text.split())
        return Grant(subject, scopes, _moment(answer.get("exp")))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: object) -> list[str]:
    """One text, or those of an array: servers differ."""
    return [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, str)]


def _moment(value: object) -> float:
    """A moment in seconds since 1970. Without a usable one the token lives on, until the cache forgets it."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.inf
    try:
        moment = float(value)
    except OverflowError:
        return math.inf
    return math.inf if math.isnan(moment) else moment

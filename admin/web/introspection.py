"""Asking the authorization server what a token is good for (RFC 7662)."""

from __future__ import annotations

import hashlib
import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
from cachetools import TLRUCache

logger = logging.getLogger(__name__)

CACHE_SECONDS = 300.0
CACHE_SIZE = 10_000
TIMEOUT_SECONDS = 5.0


class IntrospectionError(Exception):
    """The authorization server did not answer, or not as it should."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a valid token gives: the user it stands for, its scopes, and the end of its life (seconds since 1970)."""

    subject: str
    scopes: frozenset[str]
    expires_at: float


class Introspector:
    """Looks tokens up, and remembers valid ones for five minutes, but never longer than they live. Thread-safe."""

    def __init__(self, url: str, *, clock: Callable[[], float] = time.time) -> None:
        self._url = url
        self._clock = clock
        self._client = httpx.Client(timeout=TIMEOUT_SECONDS, headers={"X-Forwarded-Proto": "https"})
        self._lock = threading.Lock()
        self._grants: TLRUCache[bytes, Grant] = TLRUCache(
            CACHE_SIZE, ttu=lambda _key, grant, now: min(now + CACHE_SECONDS, grant.expires_at), timer=clock
        )

    def grant(self, token: str) -> Grant | None:
        """What the token gives; None if it is not valid. Raises IntrospectionError."""
        # The hash, so that no token lies around in the memory.
        key = hashlib.sha256(token.encode()).digest()
        with self._lock:
            known = self._grants.get(key)
        if known is not None:
            return known
        grant = read_grant(self._ask(token))
        if grant is None or grant.expires_at <= self._clock():
            return None
        with self._lock:
            self._grants[key] = grant
        return grant

    def _ask(self, token: str) -> dict[str, Any]:
        try:
            response = self._client.post(self._url, data={"token": token})
            if response.status_code != httpx.codes.OK:
                raise IntrospectionError(f"the introspection endpoint answered {response.status_code}")
            answer = response.json()
        except httpx.HTTPError as error:
            raise IntrospectionError(f"the introspection endpoint can not be reached: {error}") from error
        except (ValueError, RecursionError) as error:
            raise IntrospectionError("the introspection endpoint did not answer with JSON") from error
        if not isinstance(answer, dict):
            raise IntrospectionError("the introspection endpoint did not answer with a JSON object")
        return answer


def read_grant(answer: dict[str, Any]) -> Grant | None:
    """What an introspection response says; None if the token is not active or nobody's."""
    if answer.get("active") is not True:
        return None
    subject = _text(answer.get("sub")) or _text(answer.get("username"))
    if not subject:
        return None
    scopes = frozenset(_text(answer.get("scope")).split())
    return Grant(subject, scopes, _moment(answer.get("exp")))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _moment(value: object) -> float:
    """A moment in seconds since 1970. Without a usable one the token lives on, until the cache forgets it."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.inf
    try:
        moment = float(value)
    except OverflowError:
        return math.inf
    return math.inf if math.isnan(moment) else moment

"""What tokens are good for: asked once, remembered for a while."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import Any

from cachetools import TLRUCache, TTLCache

from admin.web.grants import Grant, Reading
from admin.web.introspection_client import IntrospectionClient, IntrospectionError, client_of
from settings.config import Config

__all__ = ["Grant", "IntrospectionError", "Introspector", "introspector"]

CACHE_SECONDS = 300.0
REFUSED_SECONDS = 5.0
"""How long a token that is not valid is remembered: a client that insists costs one question each time."""

CACHE_SIZE = 10_000
MAX_WAITING = 32
"""Requests that wait for answers at the same time. The web server has a thread for each, beside those that work."""

# Longer than a question may take: nobody waits for a thread that has died.
_PATIENCE_SECONDS = 10.0


class Introspector:
    """Looks tokens up, and remembers valid ones for five minutes, but never longer than they live. Thread-safe.

    `waiting` is how many threads wait for an answer just now.
    """

    def __init__(
        self, client: IntrospectionClient, reading: Reading | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._client = client
        self._reading = reading or Reading()
        self._clock = clock
        self._lock = threading.Lock()
        self.waiting = 0
        self._questions: dict[bytes, Future[dict[str, Any]]] = {}
        self._grants: TLRUCache[bytes, Grant] = TLRUCache(
            CACHE_SIZE, ttu=lambda _key, grant, now: min(now + CACHE_SECONDS, grant.expires_at), timer=clock
        )
        # Apart, so that no flood of them drives out the others.
        self._refused: TTLCache[bytes, bool] = TTLCache(CACHE_SIZE, REFUSED_SECONDS, timer=clock)

    def grant(self, token: str) -> Grant | None:
        """What the token gives; None if it is not valid. Raises IntrospectionError."""
        # The hash, so that no token lies around in the memory.
        key = hashlib.sha256(token.encode()).digest()
        with self._lock:
            known = self._grants.get(key)
            if known is not None or key in self._refused:
                return known
            if self.waiting >= MAX_WAITING:
                raise IntrospectionError("too many requests wait for the introspection endpoint")
            self.waiting += 1
            question = self._questions.get(key)
            if question is None:
                question = self._questions[key] = self._client.ask(token)
        try:
            return self._remember(key, self._reading.grant(question.result(_PATIENCE_SECONDS)))
        except (TimeoutError, CancelledError):
            raise IntrospectionError("the introspection endpoint does not answer") from None
        finally:
            with self._lock:
                self.waiting -= 1
                # Whoever comes now finds what was remembered, or asks anew.
                if self._questions.get(key) is question:
                    del self._questions[key]

    def close(self) -> None:
        """Gives up all questions."""
        self._client.close()

    def _remember(self, key: bytes, grant: Grant | None) -> Grant | None:
        if grant is not None and grant.expires_at <= self._clock():
            grant = None
        with self._lock:
            if grant is None:
                self._refused[key] = True
            else:
                self._grants[key] = grant
        return grant


def introspector(config: Config) -> Introspector:
    """The one that the settings ask for."""
    return Introspector(client_of(config), Reading(config.app_introspect_user_claim, config.app_introspect_audience))

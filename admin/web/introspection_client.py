"""Asks the authorization server what a token is good for (RFC 7662), in limited time and memory."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Collection
from concurrent.futures import Future
from typing import Any
from urllib.parse import quote_plus

import httpx

from settings.config import Config

TOTAL_SECONDS = 5.0
"""For everything: names, connections, TLS, question and answer."""

MAX_ANSWER_BYTES = 65_536
MAX_CONNECTIONS = 16
"""Questions that are under way at the same time. Others wait."""


class IntrospectionError(Exception):
    """The authorization server did not answer, or not as it should."""


class IntrospectionClient:
    """Asks in a thread of its own, in which a server that dawdles holds up nobody. Thread-safe."""

    def __init__(
        self, url: str, *, auth: httpx.Auth | None = None, form: dict[str, str] | None = None, env_proxies: bool = False
    ) -> None:
        """`auth` and `form` say who asks. Proxies of the environment are used only if `env_proxies` says so."""
        self._url = url
        self._auth = auth
        self._form = form or {}
        self._env_proxies = env_proxies
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client: httpx.AsyncClient | None = None

    def ask(self, token: str) -> Future[dict[str, Any]]:
        """The answer to come, in at most TOTAL_SECONDS; or IntrospectionError."""
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=_run, args=(self._loop,), name="introspection", daemon=True).start()
            return asyncio.run_coroutine_threadsafe(self._ask(token), self._loop)

    def close(self) -> None:
        """Gives up what was asked, and ends the thread."""
        with self._lock:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._loop.stop)
                self._loop = self._client = None

    async def _ask(self, token: str) -> dict[str, Any]:
        try:
            async with asyncio.timeout(TOTAL_SECONDS):
                return _parsed(await self._answer(token))
        except TimeoutError:
            raise IntrospectionError(f"the introspection endpoint took longer than {TOTAL_SECONDS:g} s") from None
        except httpx.HTTPError as error:
            cause = str(error) or type(error).__name__
            raise IntrospectionError(f"the introspection endpoint can not be reached: {cause}") from error

    async def _answer(self, token: str) -> bytes:
        if self._client is None:
            self._client = self._new_client()
        body = bytearray()
        async with self._client.stream(
            "POST", self._url, data={**self._form, "token": token}, auth=self._auth or httpx.USE_CLIENT_DEFAULT
        ) as response:
            if response.status_code != httpx.codes.OK:
                raise IntrospectionError(f"the introspection endpoint answered {response.status_code}")
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise IntrospectionError("the introspection endpoint sent an encoding that it was not asked for")
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > MAX_ANSWER_BYTES:
                    raise IntrospectionError(f"the introspection endpoint sent more than {MAX_ANSWER_BYTES} bytes")
        return bytes(body)

    def _new_client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            timeout=None,
            # Certificates as the environment says, in any case (SSL_CERT_FILE).
            verify=httpx.create_ssl_context(),
            trust_env=self._env_proxies,
            limits=httpx.Limits(max_connections=MAX_CONNECTIONS),
            headers={"X-Forwarded-Proto": "https", "Accept": "application/json", "Accept-Encoding": "identity"},
        )


def client_of(config: Config) -> IntrospectionClient:
    """The client that the settings ask for."""
    name, secret = config.app_introspect_client_id, config.app_introspect_client_secret
    auth, form = None, {}
    if name and config.app_introspect_client_auth == "basic":
        # RFC 6749, 2.3.1: each of them is encoded like a form.
        auth = httpx.BasicAuth(quote_plus(name), quote_plus(secret))
    elif name:
        form = {"client_id": name, "client_secret": secret}
    return IntrospectionClient(
        config.oauth2_introspect_url, auth=auth, form=form, env_proxies=config.app_introspect_env_proxies
    )


def _run(loop: asyncio.AbstractEventLoop) -> None:
    loop.run_forever()
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    loop.run_until_complete(_all_ended(tasks))
    loop.close()


async def _all_ended(tasks: Collection[asyncio.Task[Any]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise IntrospectionError("the introspection endpoint did not answer with JSON") from error
    if not isinstance(answer, dict):
        raise IntrospectionError("the introspection endpoint did not answer with a JSON object")
    return answer

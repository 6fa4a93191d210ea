"""Fetches debtor info documents: due fetches out of the database, HTTPS requests, results back in.

Due fetches are leased, so no lock is held during HTTP; a crash lets the lease run out, and they are fetched again.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
import ssl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Literal, LiteralString

import httpcore
import httpx
import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from bridge.addresses import AddressRefused, CheckingBackend, NameCache
from bridge.coin_info import CONTENT_TYPE, MAX_BODY_BYTES, CoinInfo, InvalidDocument, parse_coin_info
from bridge.messages.moments import format_moment

logger = logging.getLogger(__name__)

MAX_REDIRECTS = 2
LEASE_MARGIN = 60.0
# Nobody can stop the look-up of a name, so it may go on for several times as long as the fetch that wanted it.
THREADS_PER_CONNECTION = 4

_TAKE: LiteralString = "select iri, debtor_id, looks_for_move, url, leased_until from worker.take_due_fetches(%s, %s)"
_APPLY: LiteralString = "select worker.apply_fetch_results(%s)"


@dataclass(frozen=True, slots=True)
class DueFetch:
    """A fetch that needs HTTP. `url` is what to get: `iri`, or what may tell that the debtor has moved from there."""

    iri: str
    debtor_id: int
    looks_for_move: bool
    url: str
    leased_until: datetime


@dataclass(frozen=True, slots=True)
class Outcome:
    """`errorcode` is the HTTP status of a response that was no document."""

    outcome: Literal["document", "retry", "drop"]
    errorcode: int | None = None
    document: CoinInfo | None = None


class HttpFetch:
    """One fetcher. Several may run; each leases its own fetches."""

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        *,
        connections: int = 100,
        timeout: float = 10.0,
        verify: bool | ssl.SSLContext = True,
        allow_private: bool = False,
        limit: int = 2000,
    ) -> None:
        """The database connection must be in autocommit mode.

        At most `connections` requests run at a time; `timeout` limits each, redirects included, in seconds.
        `allow_private` lets documents come from loopback and private addresses.
        """
        self._connection = connection
        self._connections = connections
        self._timeout = timeout
        self._verify = httpx.create_ssl_context(verify) if isinstance(verify, bool) else verify
        self._allow_private = allow_private
        self._limit = limit
        self._lease = timedelta(seconds=timeout * math.ceil(limit / connections) + LEASE_MARGIN)
        self._names = NameCache()

    def run_once(self) -> int:
        """One batch. Returns how many fetches needed HTTP. Raises psycopg.Error."""
        # Elsewhere the last moments of the wire are in the year 10000, which no message can hold.
        self._connection.execute("set time zone 'UTC'")
        with self._connection.cursor(row_factory=class_row(DueFetch)) as cursor:
            due = cursor.execute(_TAKE, (self._limit, self._lease)).fetchall()
        if due:
            outcomes = self.fetch([item.url for item in due])
            results = [_result(item, outcome) for item, outcome in zip(due, outcomes, strict=True)]
            self._connection.execute(_APPLY, (Jsonb(results),))
        return len(due)

    def fetch(self, urls: Sequence[str]) -> list[Outcome]:
        """Gets all documents, concurrently. Never raises because of one of them."""
        return asyncio.run(self._fetch_all(urls))

    async def _fetch_all(self, urls: Sequence[str]) -> list[Outcome]:
        slots = asyncio.Semaphore(self._connections)
        # Names are resolved in threads; with the few of the default, slow ones would hold up the others.
        threads = ThreadPoolExecutor(THREADS_PER_CONNECTION * self._connections)
        asyncio.get_running_loop().set_default_executor(threads)
        transport = _Transport(self._verify, self._connections, CheckingBackend(self._allow_private, self._names))
        # What one server sets must not reach another one of the same domain: that one may refuse the request for it.
        no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=()))
        # A proxy would resolve names for us, behind the back of the address check.
        async with httpx.AsyncClient(
            transport=transport, timeout=self._timeout, trust_env=False, cookies=no_cookies
        ) as client:
            return list(await asyncio.gather(*(self._fetch_one(client, slots, url) for url in urls)))

    async def _fetch_one(self, client: httpx.AsyncClient, slots: asyncio.Semaphore, url: str) -> Outcome:
        # The time counts from here: waiting for a slot is not the server's fault.
        async with slots:
            try:
                async with asyncio.timeout(self._timeout):
                    return await _get(client, url)
            except (httpx.InvalidURL, AddressRefused) as error:
                logger.warning("dropped the fetch of %s: %s", url, error)
                return Outcome("drop")
            except (httpx.HTTPError, TimeoutError, InvalidDocument, ssl.SSLError, OSError) as error:
                logger.info("fetching %s failed: %s: %s", url, type(error).__name__, error)
                return Outcome("retry")
            except Exception as error:
                logger.warning("dropped the fetch of %s: unexpected %s: %s", url, type(error).__name__, error)
                return Outcome("drop")


class _Transport(httpx.AsyncHTTPTransport):
    """The transport of the library, over connections of ours."""

    def __init__(self, verify: ssl.SSLContext, connections: int, backend: httpcore.AsyncNetworkBackend) -> None:
        super().__init__(verify=verify)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=verify, max_connections=connections, keepalive_expiry=5.0, network_backend=backend
        )


async def _get(client: httpx.AsyncClient, url: str) -> Outcome:
    if not url.startswith("https://"):
        return Outcome("drop")
    address = httpx.URL(url)
    if not address.host:
        raise httpx.InvalidURL("no host")
    for _ in range(MAX_REDIRECTS + 1):
        request = client.build_request("GET", address, headers={"Accept": CONTENT_TYPE, "Accept-Encoding": "identity"})
        try:
            response = await client.send(request, stream=True)
        except httpx.InvalidURL:
            # The library looks at the Location of a redirect before we do.
            return Outcome("retry")
        try:
            if not response.has_redirect_location:
                return await _read(response)
            status = response.status_code
            target = _redirect_target(address, response.headers["Location"])
        finally:
            await response.aclose()
        if target is None:
            return Outcome("retry", status)
        address = target
    return Outcome("retry", status)


def _redirect_target(address: httpx.URL, location: str) -> httpx.URL | None:
    """None when the redirect must not be followed: every hop is HTTPS."""
    try:
        target = address.join(location)
    except httpx.InvalidURL:
        return None
    return target if target.scheme == "https" and target.host else None


async def _read(response: httpx.Response) -> Outcome:
    if response.status_code != 200:
        return Outcome("retry", response.status_code)
    media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if media_type != CONTENT_TYPE:
        raise InvalidDocument("another content type")
    if response.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        # Unpacking could blow up a small body beyond all limits.
        raise InvalidDocument("a content encoding that was not asked for")
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise InvalidDocument("larger than 1 MiB")
    return Outcome("document", document=parse_coin_info(bytes(body)))


def _result(due: DueFetch, outcome: Outcome) -> dict[str, Any]:
    document = None
    if outcome.document is not None:
        peg, until = outcome.document.peg, outcome.document.will_not_change_until
        document = {
            "debtor_info_locator": outcome.document.debtor_info_locator,
            "debtor_id": outcome.document.debtor_id,
            "peg_debtor_info_locator": peg and peg.debtor_info_locator,
            "peg_debtor_id": peg and peg.debtor_id,
            "peg_exchange_rate": peg and peg.exchange_rate,
            "will_not_change_until": until and format_moment(until),
        }
    return {
        "iri": due.iri,
        "debtor_id": due.debtor_id,
        "looks_for_move": due.looks_for_move,
        "leased_until": format_moment(due.leased_until),
        "outcome": outcome.outcome,
        "errorcode": outcome.errorcode,
        "jitter": random.uniform(0.5, 1.0),
        "document": document,
    }

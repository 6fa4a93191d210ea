"""Gets documents from many hosts at once, so that none of them can hold up the others.

A fetch goes through these gates, one after the other, and occupies nothing while it waits before one: the slots of its
host, the look-up of the name, the check of all addresses, the slots of the address, the connections of the process.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from bridge.fetching.addresses import neighbourhood
from bridge.fetching.circuits import Circuits
from bridge.fetching.names import LookUp, Names
from bridge.fetching.patience import GaveWay, Patience
from bridge.fetching.policy import Policy, Refused
from bridge.fetching.slots import Slots

MAX_REDIRECTS = 2
MAX_ADDRESSES = 4
"""So many addresses of a host are tried for one document."""
FAULTS = (httpx.TransportError, OSError, TimeoutError)
"""What shows that a host does not answer."""

_KEEP_ALIVE = 5.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one process. `timeout` is all the time that a fetch may work, in seconds; `patience`, that it may wait.

    `crowd`: fetches of one host that may wait for each other.
    """

    connections: int
    timeout: float
    patience: float
    max_bytes: int
    crowd: int = 1000

    @property
    def per_host(self) -> int:
        """Connections to one host."""
        return max(1, self.connections // 10)

    @property
    def per_address(self) -> int:
        """Connections to one address, which may have any number of names and ports."""
        return max(self.per_host + 1, self.connections // 2)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a host said in the end. `problem`: why there is no body, though the status is 200."""

    status: int
    body: bytes = b""
    problem: str = ""


class Fetching:
    """All of a process's fetches. To be used in one event loop."""

    def __init__(
        self,
        policy: Policy,
        limits: Limits,
        tls: ssl.SSLContext,
        look_up: LookUp,
        media_type: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._policy = policy
        self._limits = limits
        self._tls = tls
        self._media_type = media_type
        self._names = Names(look_up, clock)
        self._circuits = Circuits(clock)
        self._hosts = Slots(limits.per_host)
        self._addresses = Slots(limits.per_address)
        self._connections = asyncio.Semaphore(limits.connections)
        self._pools: dict[tuple[str, int], _Pool] = {}

    async def get(self, url: str) -> Answer:
        """Follows redirects. Raises Refused, GaveWay, HostRests, and one of FAULTS."""
        # Other spellings than this are no addresses of documents.
        if not url.startswith("https://"):
            raise Refused("not https")
        try:
            address = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise Refused(str(error)) from None
        patience = Patience(self._limits.timeout, self._limits.patience)
        for _ in range(MAX_REDIRECTS + 1):
            response, answer = await self._hop(address, patience)
            target = _redirect_target(address, response)
            if target is None:
                break
            address = target
        return answer

    async def _hop(self, url: httpx.URL, patience: Patience) -> tuple[httpx.Response, Answer]:
        self._policy.check_url(url)
        host, port = url.raw_host.decode("ascii"), url.port or 443
        async with self._pool(host, port) as pool:
            gates = self._hosts.of((host, port)), self._circuits[host, port].request(*FAULTS)
            async with patience.turn(*gates):
                async with patience.working():
                    addresses = await self._names.find(host)
                self._policy.check_addresses(host, addresses)
                try:
                    return await self._try(pool, url, addresses[:MAX_ADDRESSES], patience)
                except FAULTS:
                    self._names.forget(host)
                    raise

    async def _try(
        self, pool: _Pool, url: httpx.URL, addresses: Sequence[str], patience: Patience
    ) -> tuple[httpx.Response, Answer]:
        failure: Exception = httpx.ConnectError("no address")
        for number, address in enumerate(addresses):
            # An address that does not answer must not take the time of the others.
            share = patience.work / (len(addresses) - number)
            try:
                async with (
                    patience.turn(self._addresses.of(neighbourhood(address)), self._connections),
                    patience.working(),
                    pool.get(url, address, share, self._media_type) as response,
                ):
                    self._names.prefer(url.raw_host.decode("ascii"), address)
                    return response, await self._read(response)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failure = error
        raise failure

    async def _read(self, response: httpx.Response) -> Answer:
        if response.status_code != 200:
            return Answer(response.status_code)
        media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if media_type != self._media_type:
            return Answer(200, problem="another content type")
        if response.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
            # Unpacking could blow up a small body beyond all limits.
            return Answer(200, problem="a content encoding that was not asked for")
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > self._limits.max_bytes:
                return Answer(200, problem=f"larger than {self._limits.max_bytes} bytes")
        return Answer(200, bytes(body))

    @asynccontextmanager
    async def _pool(self, host: str, port: int) -> AsyncIterator[_Pool]:
        """The connections to one host, which are kept as long as documents of it are wanted."""
        pool = self._pools.get((host, port)) or _Pool(host, self._tls, self._limits.per_host)
        if pool.users >= self._limits.crowd:
            raise GaveWay("too many documents of this host are wanted")
        self._pools[host, port] = pool
        pool.users += 1
        try:
            yield pool
        finally:
            pool.users -= 1
            if not pool.users:
                del self._pools[host, port]
                await pool.close()


class _Pool:
    """Connections to the checked addresses of one host: no name is looked up for them again.

    Each host has a pool of its own, so that no connection is used for another host which has the same address.
    """

    def __init__(self, host: str, tls: ssl.SSLContext, connections: int) -> None:
        self.users = 0
        self._host = host
        limits = httpx.Limits(max_keepalive_connections=connections, keepalive_expiry=_KEEP_ALIVE)
        self._transport = httpx.AsyncHTTPTransport(verify=tls, limits=limits, trust_env=False)

    @asynccontextmanager
    async def get(self, url: httpx.URL, address: str, connect: float, accept: str) -> AsyncIterator[httpx.Response]:
        """Asks the server at this address, which has `connect` seconds to take the connection."""
        request = httpx.Request(
            "GET",
            url.copy_with(host=address),
            headers={
                "Host": url.netloc.decode("ascii"),
                "Accept": accept,
                "Accept-Encoding": "identity",
                "User-Agent": "swpt-trade",
            },
            extensions={
                "timeout": {"connect": connect, "read": None, "write": None, "pool": None},
                "sni_hostname": self._host,
            },
        )
        response = await self._transport.handle_async_request(request)
        try:
            yield response
        finally:
            await response.aclose()

    async def close(self) -> None:
        await self._transport.aclose()


def _redirect_target(address: httpx.URL, response: httpx.Response) -> httpx.URL | None:
    """None when there is none, or when it must not be followed: every hop is HTTPS."""
    if not response.has_redirect_location:
        return None
    try:
        target = address.join(response.headers["Location"])
    except httpx.InvalidURL:
        return None
    return target if target.scheme == "https" and target.host else None

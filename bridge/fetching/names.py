"""The addresses of hosts, asked for without threads: whoever gives up leaves nothing behind that nobody can stop."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import time
from collections.abc import Awaitable, Callable, Sequence

import aiodns

from bridge.fetching.slots import Slots

LookUp = Callable[[str], Awaitable[Sequence[str]]]
"""Gives the addresses of a host. Raises HostUnknown."""

NAME_SECONDS = 3600.0
NAMES_KEPT = 10_000
PER_ZONE = 8
"""Names of one domain that are looked up at a time: its nameservers may be silent."""
PER_RESOLVER = 500
# c-ares waits longer at the second try; and asks all nameservers of the machine before that.
_TRY_SECONDS = 2.0
_TRIES = 2
_LONGEST_COUNTRY_LABEL = 3


class HostUnknown(OSError):
    """The host's name can not be looked up."""


class Resolver:
    """What the machine knows: its file of hosts, then its nameservers, at most PER_RESOLVER names at a time.

    To be made and used in one event loop.
    """

    def __init__(self, nameservers: Sequence[str] = ()) -> None:
        """`nameservers`: `address:port`, instead of those of the machine."""
        self._dns = aiodns.DNSResolver(timeout=_TRY_SECONDS, tries=_TRIES)
        if nameservers:
            self._dns.nameservers = nameservers
        self._slots = asyncio.Semaphore(PER_RESOLVER)

    async def __call__(self, host: str) -> list[str]:
        try:
            async with self._slots:
                found = await self._dns.getaddrinfo(host, family=socket.AF_UNSPEC, type=socket.SOCK_STREAM)
        except aiodns.error.DNSError as error:
            raise HostUnknown(f"no address of {host}: {error.args[-1]}") from None
        return list(dict.fromkeys(node.addr[0].decode("ascii") for node in found.nodes))

    async def close(self) -> None:
        """Ends all look-ups."""
        await self._dns.close()


class Names:
    """The addresses of hosts, remembered for an hour: thousands of documents may lie on one server."""

    def __init__(self, look_up: LookUp, clock: Callable[[], float] = time.monotonic) -> None:
        self._look_up = look_up
        self._clock = clock
        self._known: dict[str, tuple[float, Sequence[str]]] = {}
        self._zones = Slots(PER_ZONE)
        self._hosts = Slots(1)

    async def find(self, host: str) -> Sequence[str]:
        """At least one address; that of a host which is one is itself. Raises HostUnknown."""
        if is_address(host):
            return [host]
        # One asks, the others wait for the answer.
        async with self._hosts.of(host):
            expires, addresses = self._known.get(host, (0.0, ()))
            if addresses and expires > self._clock():
                return addresses
            async with self._zones.of(zone(host)):
                addresses = await self._look_up(host)
            if not addresses:
                raise HostUnknown(f"no address of {host}")
            self._remember(host, addresses)
            return addresses

    def prefer(self, host: str, address: str) -> None:
        """This address of the host has answered: others who ask get it first."""
        expires, addresses = self._known.get(host, (0.0, ()))
        if address in addresses and addresses[0] != address:
            self._known[host] = expires, [address, *(other for other in addresses if other != address)]

    def forget(self, host: str) -> None:
        """The server has moved, perhaps."""
        self._known.pop(host, None)

    def _remember(self, host: str, addresses: Sequence[str]) -> None:
        if len(self._known) >= NAMES_KEPT:
            self._known.clear()
        self._known[host] = self._clock() + NAME_SECONDS, addresses


def is_address(host: str) -> bool:
    """Whether the host of a URL is an address, not a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def zone(host: str) -> str:
    """What one party has nameservers for, most likely: `example.com`, `example.co.uk`. Only for sharing them fairly."""
    labels = host.lower().rstrip(".").split(".")
    is_country = len(labels) > 2 and len(labels[-1]) == 2 and len(labels[-2]) <= _LONGEST_COUNTRY_LABEL
    return ".".join(labels[-3 if is_country else -2 :])

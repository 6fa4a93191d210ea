"""Connects only to addresses that are allowed: the server of a document must not lead us into our own network."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

import httpcore

NAME_SECONDS = 3600.0
NAMES_KEPT = 10_000

_NAT64 = IPv6Network("64:ff9b::/96")
# Special as well, but not to every version of the library: relays of 6to4, and addresses for documentation.
_SPECIAL = (IPv4Network("192.88.99.0/24"), IPv6Network("3fff::/20"))


class AddressRefused(Exception):
    """The host's name leads to an address that documents may not be fetched from."""


def is_public(address: str) -> bool:
    """Whether this is an ordinary address of the Internet: not loopback, private, link-local or otherwise special.

    IPv6 addresses that stand for an IPv4 address are judged by that.
    """
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in _NAT64:
            inner = IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if ip.is_site_local:
            return False
    if any(ip in network for network in _SPECIAL):
        return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


class NameCache:
    """The addresses of hosts, remembered for an hour: thousands of documents may lie on one server."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], tuple[float, list[str]]] = {}

    async def addresses(self, host: str, port: int) -> list[str]:
        """Raises httpcore.ConnectError."""
        now = time.monotonic()
        expires, addresses = self._known.get((host, port), (now, []))
        if expires > now:
            return addresses
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(str(error)) from None
        addresses = list(dict.fromkeys(str(item[4][0]) for item in found))
        if len(self._known) >= NAMES_KEPT:
            self._known.clear()
        self._known[host, port] = now + NAME_SECONDS, addresses
        return addresses

    def forget(self, host: str, port: int) -> None:
        """The server has moved, perhaps."""
        self._known.pop((host, port), None)


class CheckingBackend(httpcore.AsyncNetworkBackend):
    """Resolves a name once, checks all its addresses, and connects to one of these, so that DNS cannot change its mind.

    Raises AddressRefused when any address of the host is special, unless those are allowed.
    """

    def __init__(self, allow_special: bool, names: NameCache) -> None:
        self._allow_special = allow_special
        self._names = names
        self._backend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = await self._names.addresses(host, port)
        if not self._allow_special and not all(map(is_public, addresses)):
            raise AddressRefused(f"{host} has an address outside the Internet")
        failure: BaseException = httpcore.ConnectError(f"{host} has no address")
        # An address that does not answer must not take the time of the others.
        share = timeout and timeout / max(len(addresses), 1)
        for address in addresses:
            try:
                return await self._backend.connect_tcp(address, port, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            except asyncio.CancelledError as error:
                failure = error
                break
        self._names.forget(host, port)
        raise failure

    async def sleep(self, seconds: float) -> None:
        await self._backend.sleep(seconds)

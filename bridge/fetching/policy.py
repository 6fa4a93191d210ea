"""Where documents may come from: the server of a document must not lead us into our own network."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import httpx

from bridge.fetching.addresses import is_public

DEFAULT_PORTS = ((443, 443), (1024, 65535))
"""HTTPS, and what needs no privilege: no mail server or the like is spoken to. First and last port of each range."""

# `127.1`, `0177.0.0.1` and `2130706433` are addresses to some libraries, and names to others.
_LOOKS_LIKE_IPV4 = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?", re.IGNORECASE | re.DOTALL)
_IPV4 = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")


class Refused(Exception):
    """Nothing may be fetched from there, now or later; the message says why."""


class PrivateAddress(Refused):
    """The host's name leads to an address outside the Internet."""


@dataclass(frozen=True, slots=True)
class Policy:
    """`allow_private` lets documents come from loopback and private addresses; `ports`: of their servers."""

    allow_private: bool = False
    ports: Sequence[tuple[int, int]] = DEFAULT_PORTS

    def check_url(self, url: httpx.URL) -> None:
        """Raises Refused. To be asked of every hop."""
        if url.scheme != "https":
            raise Refused("not https")
        host = url.raw_host.decode("ascii", "replace")
        if not host:
            raise Refused("no host")
        if ":" not in host and _LOOKS_LIKE_IPV4.fullmatch(host) and not _IPV4.fullmatch(host):
            raise Refused("the host is neither a name nor an address")
        port = url.port or 443
        if not any(first <= port <= last for first, last in self.ports):
            raise Refused(f"port {port} is not among APP_FETCH_PORTS")

    def check_addresses(self, host: str, addresses: Iterable[str]) -> None:
        """Raises PrivateAddress when any address of the host is special, unless those are allowed."""
        if not self.allow_private and not all(map(is_public, addresses)):
            raise PrivateAddress(f"{host} has an address outside the Internet")

"""Names and addresses of hosts: which ones can only be this machine."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def host_name(url: str) -> str | None:
    """The host of a URL, without brackets, in small letters. None: there is none."""
    try:
        parts = urlsplit(url)
        # Raises for what is no number.
        _ = parts.port
        return parts.hostname
    except ValueError:
        return None


def is_loopback(host: str) -> bool:
    """Whether a name or an address can only mean this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def is_address(host: str) -> bool:
    """Whether a server can listen there: an IP address, or `localhost`."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    return True

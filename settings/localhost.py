"""Lets a process in a container reach servers of the machine that runs the container, for development."""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Callable, Mapping
from pathlib import Path

VARIABLE = "SUBSTITUTE_LOCALHOST_IN_VARS"

_ROUTES = Path("/proc/net/route")
_GATEWAY_FLAG = 0x2
_LOCALHOST = re.compile(r"(?:(?<=//)|(?<=@))localhost\b")


def default_gateway() -> str | None:
    """The address of the default gateway, or None if there is none."""
    try:
        return gateway_of(_ROUTES.read_text(encoding="ascii"))
    except OSError:
        return None


def gateway_of(routes: str) -> str | None:
    """Finds the default gateway in the text of the kernel's routing table."""
    for line in routes.splitlines()[1:]:
        columns = line.split()
        if len(columns) > 3 and columns[1] == "00000000" and int(columns[3], 16) & _GATEWAY_FLAG:
            return socket.inet_ntoa(struct.pack("=L", int(columns[2], 16)))
    return None


def substitute_localhost(
    environ: Mapping[str, str], gateway: Callable[[], str | None] = default_gateway
) -> dict[str, str]:
    """The environment, with `localhost` right after `//` or `@` replaced in the variables that it asks for."""
    changed = dict(environ)
    names = [name for name in environ.get(VARIABLE, "").split() if _LOCALHOST.search(environ.get(name, ""))]
    address = gateway() if names else None
    if address is not None:
        for name in names:
            changed[name] = _LOCALHOST.sub(address, changed[name])
    return changed

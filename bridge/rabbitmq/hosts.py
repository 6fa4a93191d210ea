"""A broker's URL may name all nodes of a cluster: `amqp://user:password@host1:5672,host2:5672/vhost`."""

from __future__ import annotations

import re

_PARTS = re.compile(r"(?P<before>[a-z]+://(?:[^@/?#]*@)?)(?P<hosts>[^/?#]*)(?P<after>.*)", re.IGNORECASE | re.DOTALL)


def one_for_each_host(url: str) -> list[str]:
    """The URLs that name one host each, in the order of the hosts; of a text that is no URL, the text itself."""
    parts = _PARTS.fullmatch(url)
    if parts is None:
        return [url]
    return [f"{parts['before']}{host}{parts['after']}" for host in parts["hosts"].split(",")]

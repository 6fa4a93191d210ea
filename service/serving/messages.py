"""Requests and answers, complete and in memory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a client may take, and how much it may send."""

    head_seconds: float = 10.0
    """From the connection, or the answer before, to the end of the head of a request: idle connections end, too."""

    body_seconds: float = 10.0
    answer_seconds: float = 60.0
    """Until the client has taken the whole answer."""

    head_bytes: int = 16_384
    body_bytes: int = 65_536
    """What is more is not read, and the application gets to know."""

    connections: int = 200
    """At the same time. When there are more, those that have kept us waiting longest are closed."""


@dataclass(frozen=True, slots=True)
class Request:
    """`body_length` is that of the whole body, of which more than the limit was not read."""

    method: str
    target: str
    version: str
    headers: Headers
    body: bytes
    body_length: int
    client: tuple[str, int]
    server: tuple[str, int]


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` is a line such as `200 OK`."""

    status: str
    headers: Headers
    body: bytes


Answering = Callable[[Request], Awaitable[Answer]]


def plain_answer(status: str, text: str) -> Answer:
    """An answer of the server itself, for which no application was asked."""
    body = text.encode() + b"\n"
    return Answer(status, [(b"Content-Type", b"text/plain"), (b"Content-Length", str(len(body)).encode())], body)

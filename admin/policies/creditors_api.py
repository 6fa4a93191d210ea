"""A reader of the creditors agent's Web API (the Swaptacular Creditors API): lists by pages, with patience and a pace.

Documents are JSON objects; what they refer to is found by their URIs, which may be relative. Nothing is ever asked of
another server than the one the caller named, because every request carries the token.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any

import httpx

TRIES = 6
"""How often a request is made before the server counts as out of order."""

Document = dict[str, Any]
Sleep = Callable[[float], None]

_BELOW_ROOT = re.compile(r"/creditors/(\.list/|\.wallet/|enumerate/|[0-9]+/.*)?$")
_BUSY = frozenset({429, 500, 502, 503, 504})
_GONE = frozenset({404, 410})
_LONGEST_PAUSE = 60.0
_EARLY = 30.0


class ApiError(Exception):
    """The Web API refused, broke off, or said something that can not be understood. The argument says what, for
    people."""


class ClientCredentials(httpx.Auth):
    """Gets tokens from an OAuth 2.0 server by client credentials, and new ones before they expire."""

    requires_response_body = True

    def __init__(
        self, token_url: str, client_id: str, secret: str, scope: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._url = token_url
        self._client = httpx.BasicAuth(client_id, secret)
        self._form = {"grant_type": "client_credentials", "scope": scope}
        self._clock = clock
        self._token = ""
        self._expires_at = 0.0

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sends the request with a token; with a new one if the server does not take the old one."""
        is_new = not self._token or self._clock() >= self._expires_at
        if is_new:
            yield from self._renew()
        request.headers["Authorization"] = f"Bearer {self._token}"
        response = yield request
        if response.status_code == 401 and not is_new:
            yield from self._renew()
            request.headers["Authorization"] = f"Bearer {self._token}"
            yield request

    def _renew(self) -> Generator[httpx.Request, httpx.Response, None]:
        order = httpx.Request("POST", self._url, data=self._form, headers={"Accept": "application/json"})
        response = yield next(self._client.auth_flow(order))
        try:
            answer = response.json() if response.is_success else {}
            self._token = str(answer["access_token"])
            self._expires_at = self._clock() + float(answer.get("expires_in", 300)) - _EARLY
        except (ValueError, KeyError, TypeError):
            raise ApiError(f"the token server gave no token: status {response.status_code}") from None


class BearerToken(httpx.Auth):
    """One token for all requests."""

    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sends the request with the token."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


@dataclass(slots=True)
class Pace:
    """At most so many requests a second."""

    per_second: float
    clock: Callable[[], float] = time.monotonic
    sleep: Sleep = time.sleep
    _next: float = 0.0

    def wait(self) -> None:
        """Returns when the next request is due."""
        now = self.clock()
        if now < self._next:
            self.sleep(self._next - now)
        self._next = max(now, self._next) + 1 / self.per_second


class CreditorsApi:
    """The Web API at one address. Use as a context manager."""

    def __init__(self, url: str, auth: httpx.Auth, pace: Pace) -> None:
        """`url` is any address of the API: its root, or something below `/creditors/`, with or without a slash.

        Raises ApiError for what is no address.
        """
        self._root = root_of(url)
        self._pace = pace
        self._client = httpx.Client(auth=auth, timeout=30.0, headers={"Accept": "application/json"})

    def __enter__(self) -> CreditorsApi:
        return self

    def __exit__(self, *_error: object) -> None:
        self._client.close()

    def resolve(self, uri: str, base: str = "") -> str:
        """The absolute form of a URI found in the document at `base`. Raises ApiError for one of another server."""
        try:
            url = self._root.join(base).join(uri)
        except httpx.InvalidURL:
            raise ApiError(f"not a URI: {uri!r}") from None
        if (url.scheme, url.host, url.port) != (self._root.scheme, self._root.host, self._root.port):
            raise ApiError(f"{uri!r} leads to another server than {self._root}")
        return str(url)

    def find(self, url: str) -> Document | None:
        """The document at an absolute URL; None if there is none any more. Raises ApiError."""
        problem = ""
        for attempt in range(TRIES):
            self._pace.wait()
            pause = 0.0
            try:
                response = self._client.get(url)
            except httpx.TransportError as error:
                problem = f"{type(error).__name__}: {error}"
            else:
                if response.status_code in _GONE:
                    return None
                if response.status_code not in _BUSY:
                    return _read(response)
                problem = f"status {response.status_code}"
                pause = _retry_after(response)
            if attempt < TRIES - 1:
                self._pace.sleep(min(max(pause, 2.0**attempt), _LONGEST_PAUSE))
        raise ApiError(f"{url}: {problem}, {TRIES} times")

    def get(self, url: str) -> Document:
        """The document at an absolute URL. Raises ApiError, also if there is none."""
        if (document := self.find(url)) is None:
            raise ApiError(f"{url}: there is no such document")
        return document

    def pages(self, first: str) -> Iterator[tuple[str, list[str], str | None]]:
        """The pages of a list of references, from the one at `first` on: its URL, what it refers to, the next URL."""
        url: str | None = first
        while url is not None:
            page = self.get(url)
            uris = [text(item, "uri") for item in items_of(page, url)]
            follower = page.get("next")
            next_url = None if follower is None else self.resolve(text(page, "next"), url)
            if next_url == url:
                raise ApiError(f"{url}: the next page is the same one")
            yield url, [self.resolve(uri, url) for uri in uris], next_url
            url = next_url


def root_of(url: str) -> httpx.URL:
    """What comes before `creditors/.list` in an address of the API, as people have it. Raises ApiError."""
    try:
        found = httpx.URL(url.strip())
    except httpx.InvalidURL as error:
        raise ApiError(f"the address of the Web API is no URL: {error}") from None
    if found.scheme not in ("http", "https") or not found.host:
        raise ApiError("the address of the Web API has to begin with https:// (or http://) and a host")
    path = _BELOW_ROOT.sub("/", found.path if found.path.endswith("/") else found.path + "/")
    return found.copy_with(path=path, query=None, fragment=None)


def text(document: Document, name: str) -> str:
    """A text in a document. Raises ApiError when it is missing or something else."""
    value = document.get(name)
    if not isinstance(value, str):
        raise ApiError(f"a document without {name!r}: {str(document)[:200]}")
    return value


def part(document: Document, name: str) -> Document:
    """A document inside another one. Raises ApiError when it is missing or something else."""
    value = document.get(name)
    if not isinstance(value, dict):
        raise ApiError(f"a document without {name!r}: {str(document)[:200]}")
    return value


def items_of(page: Document, url: str) -> list[Document]:
    """What is on a page of a list. Raises ApiError when it is no such page."""
    items = page.get("items")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise ApiError(f"{url}: a page without items")
    return items


def _read(response: httpx.Response) -> Document:
    if not response.is_success:
        raise ApiError(f"{response.url}: status {response.status_code}")
    try:
        document = response.json()
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise ApiError(f"{response.url}: not a JSON object")
    return document


def _retry_after(response: httpx.Response) -> float:
    """Seconds that the server asks for; other forms of that header count as nothing."""
    try:
        return float(response.headers.get("Retry-After", "0"))
    except ValueError:
        return 0.0

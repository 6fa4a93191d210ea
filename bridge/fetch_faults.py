"""Tells operators why documents can not be fetched, when they can do something about it."""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import httpx

from bridge.fetching.names import HostUnknown
from bridge.fetching.policy import PrivateAddress
from bridge.seldom import Seldom
from pipelines.texts import shown

logger = logging.getLogger(__name__)

MANY_HOSTS = 3
LONG_SECONDS = 1800.0
"""Nothing could be fetched from so many hosts, or for so long: probably that is not the fault of the hosts."""


class FetchFaults:
    """What went wrong with the fetches of one process. Each host is told of once an hour at most."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # One for each kind of fault, so that a crowd of strangers' hosts with one of them does not hide the others.
        self._seldom = {text: Seldom(clock) for text in (_PRIVATE, _CERTIFICATE, _TLS, _SILENT)}
        # Hosts that did not answer since any of them did, and why; and since when.
        self._silent: dict[str, str] = {}
        self._silent_since = clock()

    def answered(self) -> None:
        """A host has answered, whatever it said."""
        self._silent.clear()

    def failed(self, url: str, error: BaseException) -> None:
        """A host could not be asked."""
        host = _host(url)
        if isinstance(error, PrivateAddress):
            self._tell(host, _PRIVATE, error)
        elif (reason := _find(error, ssl.SSLCertVerificationError)) is not None:
            self._tell(host, _CERTIFICATE, reason)
        elif (reason := _find(error, ssl.SSLError)) is not None:
            self._tell(host, _TLS, reason)
        elif isinstance(error, httpx.TransportError | TimeoutError | OSError):
            self._is_silent(host, error)
        else:
            self.answered()

    def _tell(self, host: str, text: str, reason: object) -> None:
        if self._seldom[text].allows(host):
            logger.warning(text, shown(host), shown(reason))

    def _is_silent(self, host: str, error: BaseException) -> None:
        if not self._silent:
            self._silent_since = self._clock()
        self._silent[host] = "name" if _find(error, HostUnknown) is not None else "connection"
        seconds = self._clock() - self._silent_since
        if (len(self._silent) >= MANY_HOSTS or seconds > LONG_SECONDS) and self._seldom[_SILENT].allows():
            causes = [*self._silent.values()]
            hint = _NO_NAMES if causes.count("name") > len(causes) / 2 else _NO_CONNECTIONS
            logger.warning(
                _SILENT, len(causes), shown(", ".join(sorted(self._silent)[:MANY_HOSTS])), shown(error), hint
            )


_PRIVATE = (
    "documents of %s are not fetched, and will be tried again: %s. "
    "Set APP_FETCH_PRIVATE_ADDRESSES=true if documents may come from private networks, or mend the host's DNS entry"
)
_CERTIFICATE = (
    "documents of %s can not be fetched: its certificate is not accepted: %s. It needs one of an authority that this "
    "machine trusts; HTTP_FETCH_SSL_CERT_FILE may name a file with your own authorities. If this is so with many "
    "hosts, look at this machine's clock. APP_VERIFY_SSL_CERTS=false accepts any certificate, for development only"
)
_TLS = "documents of %s can not be fetched: TLS failed: %s. The host has to speak TLS 1.2 or newer at this port"
_SILENT = "no document could be fetched lately: none of %s hosts (%s) answers, the last error is: %s. %s"
_NO_NAMES = "Their names can not be looked up: does DNS work here?"
_NO_CONNECTIONS = (
    "Are connections to the Internet allowed here, to port 443? They are made without a proxy, whatever the "
    "environment says"
)


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or "?"
    except ValueError:
        return "?"


def _find(error: BaseException | None, kind: type[BaseException]) -> BaseException | None:
    """The error of this kind that has led to another one."""
    return next((item for item in _chain(error) if isinstance(item, kind)), None)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__

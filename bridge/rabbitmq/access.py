"""How to reach a broker: its URL is judged before it is used."""

from __future__ import annotations

import logging
import random
import re
from urllib.parse import parse_qs, urlsplit

import pika

from bridge.rabbitmq.hosts import one_for_each_host
from bridge.rabbitmq.tls import NO_FILES, TlsFiles

# The library logs connection URLs and every lost connection; all of that reaches the caller as an exception of ours.
logging.getLogger("pika").setLevel(logging.CRITICAL)

_SCHEME = re.compile("amqps?://", re.IGNORECASE)
# The name of a host, or an address.
_HOST = re.compile(r"[\w.-]+|[0-9a-f:.]+(%\w+)?")
_ESCAPE = re.compile("%(?![0-9a-fA-F]{2})")
_HEARTBEAT_SECONDS = 6
"""Of a cluster: a node that keeps silent is left after 11 to 22 seconds. A single broker proposes 60 itself."""
_OPENING_SECONDS = 5.0
"""For each host of a cluster, until the next one is tried."""


def url_problem(url: str) -> str | None:
    """What is wrong with a broker's URL, without its password; None: nothing that can be seen from here."""
    if not _SCHEME.match(url):
        return "it does not begin with amqp:// or amqps://"
    if any(character.isspace() for character in url):
        return "there is white space in it"
    # What stands before the host must have no character that ends it: the library would take what follows for the host.
    place, _, _ = url.partition("?")
    authority = place.split("//", 1)[1]
    if "#" in authority or authority.count("@") > 1 or "/" in authority.partition("@")[0] * ("@" in authority):
        return "a # / ? or @ in the user, the password or the virtual host has to be written as %23 %2F %3F or %40"
    if _ESCAPE.search(url):
        return "a % has to be written as %25"
    return next((problem for each in one_for_each_host(url) if (problem := _problem_of_host(each))), None)


def _problem_of_host(url: str) -> str | None:
    try:
        parts = urlsplit("http" + url[4:])
        if not parts.hostname or parts.port == 0:
            return "it names no host, or the port 0"
        if not _HOST.fullmatch(parts.hostname):
            return "it has to name a host, or several with commas between them"
        if parts.username is not None and parts.password is None:
            return "it has a user without a password"
        if parts.path.count("/") > 1:
            return "a / in the virtual host has to be written as %2F"
    except ValueError:
        return "host and port make no sense; brackets go around an IPv6 address, and a : in a password is %3A"
    try:
        pika.URLParameters(url)
    except Exception:
        return "the client library does not take the options after the ?"
    return None


def connection_parameters(url: str, files: TlsFiles = NO_FILES) -> list[pika.URLParameters]:
    """How to reach each host of the URL, in the order in which they are to be tried: as written, from any of them on.

    Raises OSError for the files, and ValueError for a malformed URL, without repeating what may be a password.
    """
    problem = url_problem(url)
    if problem is not None:
        raise ValueError(f"malformed broker URL: {problem}")
    urls = one_for_each_host(url)
    first = random.randrange(len(urls))
    return [_parameters_of(each, files, len(urls) > 1) for each in urls[first:] + urls[:first]]


def _parameters_of(url: str, files: TlsFiles, is_one_of_several: bool) -> pika.URLParameters:
    parameters = pika.URLParameters(url)
    options = parse_qs(urlsplit("http" + url[4:]).query)
    if parameters.ssl_options is not None and files != NO_FILES and "ssl_options" not in options:
        parameters.ssl_options = pika.SSLOptions(files.context())
    if is_one_of_several:
        # Silence of one is no reason to wait for long, as there are others.
        if "heartbeat" not in options:
            parameters.heartbeat = _HEARTBEAT_SECONDS
        if "stack_timeout" not in options:
            parameters.stack_timeout = _OPENING_SECONDS
    return parameters

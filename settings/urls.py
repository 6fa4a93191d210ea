"""URLs of databases and brokers: reading them, and showing them without their passwords."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote, urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

from bridge.rabbitmq.hosts import one_for_each_host
from pipelines.texts import hide_passwords

_DATABASE_URL = re.compile(
    r"postgres(?:ql)?(?:\+\w+)?://(?:(?P<user>[^:/@]*)(?::(?P<password>[^@]*))?@)?(?P<rest>[^@]*)", re.IGNORECASE
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SCHEME = re.compile(r"\s*[a-z][a-z0-9+.-]*://", re.IGNORECASE)


def libpq_url(text: str) -> str:
    """Turns the URL of a PostgreSQL database, with or without a driver in its scheme, into the form libpq reads.

    `postgresql+psycopg://user:p/w@host/db` becomes `postgresql://user:p%2Fw@host/db`. The empty text stays empty.
    Raises ValueError when it is not such a URL.
    """
    if not text:
        return ""
    parts = _DATABASE_URL.fullmatch(text)
    if not parts or _CONTROL.search(text):
        raise ValueError("not a URL of a PostgreSQL database")
    login = "" if parts["user"] is None else _quoted(parts["user"])
    if parts["password"] is not None:
        login += ":" + _quoted(parts["password"])
    url = f"postgresql://{login}{'@' if login else ''}{parts['rest']}"
    try:
        conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        raise ValueError("not a URL of a PostgreSQL database") from error
    return url


def _quoted(text: str) -> str:
    return quote(unquote(text), safe="")


def show_url(text: str) -> str:
    """What may be shown of a text that should be a URL but maybe is not: it hides rather too much than a password."""
    scheme_match = _SCHEME.match(text)
    scheme = scheme_match[0] if scheme_match else ""
    _, at, after = text[len(scheme) :].rpartition("@")
    if at:
        return hide_passwords(f"{scheme}***@{after}")
    if ":" in after or (not scheme and "=" in after):
        return f"{scheme}***"
    return hide_passwords(text)


def lead_to_one_broker(url: str, other: str) -> bool:
    """Whether a host, its port and the virtual host are the same. Raises ValueError for what is no URL."""
    places, others = ({_place(each) for each in one_for_each_host(text)} for text in (url, other))
    return not places.isdisjoint(others)


def _place(url: str) -> tuple[str, int, str]:
    parts = urlsplit(url)
    _, _, virtual_host = parts.path.partition("/")
    port = parts.port or (5671 if parts.scheme.lower() == "amqps" else 5672)
    return (parts.hostname or "").lower(), port, unquote(virtual_host) or "/"

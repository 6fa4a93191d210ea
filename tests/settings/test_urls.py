"""URLs of databases, and URLs without their passwords."""

from __future__ import annotations

import pytest

from pipelines.texts import hide_passwords
from settings.urls import libpq_url


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("postgresql+psycopg://user:pw@host:5433/db", "postgresql://user:pw@host:5433/db"),
        ("postgresql+psycopg2://user@host/db", "postgresql://user@host/db"),
        ("postgresql://user:pw@host:5433/db?sslmode=require", "postgresql://user:pw@host:5433/db?sslmode=require"),
        ("postgres://host", "postgresql://host"),
        ("postgresql:///db?host=/run/postgresql", "postgresql:///db?host=/run/postgresql"),
        ("postgresql+psycopg://u:p/w#1@host/db", "postgresql://u:p%2Fw%231@host/db"),
        ("postgresql+psycopg://u:p%40w@host/db", "postgresql://u:p%40w@host/db"),
        ("postgresql+psycopg://u:100%@host/db", "postgresql://u:100%25@host/db"),
        ("postgresql://u:@host/db", "postgresql://u:@host/db"),
        ("", ""),
    ],
)
def test_database_urls_are_made_for_libpq(text: str, url: str) -> None:
    assert libpq_url(text) == url


@pytest.mark.parametrize(
    "text", ["mysql://host/db", "host=h dbname=d", "postgresql:/host", "postgresql://h/db?nonsense=1", " "]
)
def test_texts_that_are_no_database_urls(text: str) -> None:
    with pytest.raises(ValueError, match="not a URL"):
        libpq_url(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("to amqp://guest:s3cret@localhost:5672 now", "to amqp://guest:***@localhost:5672 now"),
        ("postgresql+psycopg://u:a@b:c/d@host/db", "postgresql+psycopg://u:***@host/db"),
        ("amqp://:s3cret@host", "amqp://:***@host"),
        ("a://u:x@h and b://u:y@h", "a://u:***@h and b://u:***@h"),
        ("postgresql://h/db?password=s3cret&x=1", "postgresql://h/db?password=***&x=1"),
        ("host=h password='s3 cret' user=u", "host=h password=*** user=u"),
        ("https://example.com:443/path and u@example.com", "https://example.com:443/path and u@example.com"),
        ("nothing to hide", "nothing to hide"),
    ],
)
def test_passwords_in_urls_are_hidden(text: str, shown: str) -> None:
    assert hide_passwords(text) == shown

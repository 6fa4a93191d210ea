"""Whatever language a database is in, the same happens in it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.drain import Drain
from bridge.loopback import LoopbackBroker
from bridge.messages.names import CONSUMED_TYPES, OUTGOING_TYPES
from bridge.outbound import Outbound
from bridge.wire.sharding import Realm
from bridge.wire.topology import peer_topology, worker_topology
from sandbox.servers.postgres import PrivateServer
from sql import KINDS
from sql.install import configure
from tests.bridge import outgoing
from tests.bridge.messages.examples import EXAMPLES
from tests.conftest import Connection
from tests.sql.delivery import queues

ROOT = Path(__file__).parents[2]

CALLS = ("lower", "upper", "initcap", "casefold", "to_char", "to_number", "to_date", "to_timestamp")
PATTERNS = ("regexp_replace", "regexp_match", "regexp_matches", "regexp_split_to_array", "regexp_split_to_table")
OPERATORS = (r"!?~\*?", r"similar\s+to", "ilike", r"~~\*")


@pytest.fixture(scope="module")
def turkish() -> Iterator[Connection]:
    """A worker database where the small letter of I is ı, and which sorts like a dictionary."""
    with PrivateServer() as server:
        with server.admin() as admin:
            admin.execute(
                "create database turkish template template0 encoding 'UTF8' locale 'C' locale_provider icu "
                "icu_locale 'tr-TR'"
            )
        with server.admin("turkish") as connection:
            for kind in KINDS:
                configure(connection, kind)
            yield connection


def code_of(path: Path) -> str:
    return "\n".join(line.split("--")[0] for line in path.read_text().splitlines())


def arguments(code: str, start: int) -> str:
    """What is between the parenthesis that ends before `start` and the one that closes it."""
    depth, at = 1, start
    while depth:
        depth += {"(": 1, ")": -1}.get(code[at], 0)
        at += 1
    return code[start:at]


def text_columns() -> set[str]:
    """The names that are those of text in every table which has them."""
    texts: set[str] = set()
    others: set[str] = set()
    for path in (ROOT / "sql").glob("*/migrations/*.sql"):
        for name, kind in re.findall(r"^  ([a-z_]+) ([a-z]+)", path.read_text(), re.MULTILINE):
            (texts if kind == "text" else others).add(name)
    return texts - others


def test_the_database_is_turkish(turkish: Connection) -> None:
    assert turkish.execute("select lower('I'), initcap('id')").fetchone() == ("ı", "İd")


def test_every_outgoing_type_has_the_same_queue_in_all_languages(turkish: Connection) -> None:
    for type_name in OUTGOING_TYPES:
        row = turkish.execute(
            "select worker.outgoing_queue(%s), worker.message_type_of(worker.outgoing_queue(%s))",
            (type_name, type_name),
        ).fetchone()
        assert row == (outgoing.queue_of(type_name).removeprefix("q_"), type_name)


def test_messages_of_every_type_pass_through_a_turkish_worker(turkish: Connection) -> None:
    broker = LoopbackBroker()
    broker.declare(worker_topology("q", "#"))
    broker.declare(peer_topology("peer", "#"))
    turkish.execute("update worker.configuration set local_delivery = false")
    for number, type_name in enumerate(sorted(CONSUMED_TYPES)):
        queues.put(turkish, number % 8, json.loads(json.dumps(EXAMPLES[type_name])))
    for type_name in OUTGOING_TYPES:
        outgoing.put(turkish, type_name, EXAMPLES[type_name])
    drain = Drain(turkish, 8)
    assert drain.run_once() == len(CONSUMED_TYPES)
    outbound = Outbound(turkish, broker.target(), Realm.parse("#"))
    assert outbound.run_once() >= len(OUTGOING_TYPES)
    assert turkish.execute("select message_type, error from worker.set_aside").fetchall() == []
    figures = turkish.execute("select kind, queue, message_type, messages from worker.queue_figures(1000)").fetchall()
    assert {row[2] for row in figures if row[0] == "outbox"} == set(OUTGOING_TYPES)
    assert [row for row in figures if row[0] in ("inbox", "outbox") and row[3]] == []
    assert [row[:2] for row in figures] == sorted(row[:2] for row in figures)


def test_every_column_of_text_is_sorted_by_bytes(turkish: Connection) -> None:
    """So indexes outlive a new release of the system's libraries, too."""
    assert (
        turkish.execute(
            """
            select a.attrelid::regclass::text, a.attname
            from pg_attribute as a
            join pg_class as c on c.oid = a.attrelid
            where c.relnamespace::regnamespace::text in ('worker', 'solver', 'outbox')
              and c.relkind in ('r', 'c', 'v', 'm')
              and a.attnum > 0
              and a.attcollation <> 0
              and a.attcollation <> '"C"'::regcollation
            order by 1, 2
            """
        ).fetchall()
        == []
    )


@pytest.mark.parametrize("path", sorted((ROOT / "sql").rglob("*.sql")), ids=lambda path: path.stem)
def test_no_function_of_text_is_without_a_collation(path: Path) -> None:
    code = code_of(path)
    for name in (*CALLS, *PATTERNS):
        for call in re.finditer(rf"\b{name}\(", code, re.IGNORECASE):
            assert 'collate "C"' in arguments(code, call.end()), f"{path}: {name} without a collation"
    for operator in OPERATORS:
        for found in re.finditer(rf"[^\n]*\s{operator}\s[^\n]*", code, re.IGNORECASE):
            assert 'collate "C"' in found.group(), f"{path}: {found.group().strip()}"
    for mark in (r"\[\[:", r"\\[dwsDWS]"):
        assert not re.search(mark, code), f"{path}: what {mark} matches depends on the language"


@pytest.mark.parametrize("path", sorted((ROOT / "sql").rglob("*.sql")), ids=lambda path: path.stem)
def test_nothing_is_sorted_or_compared_as_text_without_a_collation(path: Path) -> None:
    code = code_of(path)
    name = rf"(?:[a-z_]+\.)?(?:{'|'.join(sorted(text_columns(), key=len, reverse=True))})\b"
    for sorting in re.finditer(r"order by ((?:[^()\n;]|\([^()\n]*\))*)", code):
        for key in sorting.group(1).split(","):
            if re.fullmatch(rf"{name}( desc| asc)?", key.strip()):
                raise AssertionError(f"{path}: order by {key.strip()} without a collation")
    for pattern in (rf"{name}\s*(<|>|<=|>=)\s", rf"\b(min|max|greatest|least)\({name}\)"):
        found = re.search(pattern, code)
        assert found is None, f"{path}: {found and found.group()}"

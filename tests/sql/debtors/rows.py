"""Claims, documents and scheduled requests: how tests put them in, and what they look at."""

from __future__ import annotations

import json
from typing import Any

from tests.conftest import Connection
from tests.sql.messages import apply, message

IRI = "https://example.com/iri"
LOCATOR = "https://example.com/666"
PEG_LOCATOR = "https://example.com/777"


def order(connection: Connection, iri: str, **fields: Any) -> None:
    apply(connection, message("FetchDebtorInfo", iri=iri, **fields))


def document(locator: str = LOCATOR, debtor_id: int = 666, **fields: Any) -> dict[str, Any]:
    return {
        "debtor_info_locator": locator,
        "debtor_id": debtor_id,
        "peg_debtor_info_locator": None,
        "peg_debtor_id": None,
        "peg_exchange_rate": None,
        "will_not_change_until": None,
        **fields,
    }


def pegged_document(**fields: Any) -> dict[str, Any]:
    return document(peg_debtor_info_locator=PEG_LOCATOR, peg_debtor_id=777, peg_exchange_rate=0.5, **fields)


def take(connection: Connection, limit: int = 100) -> list[tuple[Any, ...]]:
    """Address, debtor, what to read, end of the lease, and whether it is only to learn of a move."""
    query = (
        "select iri, debtor_id, url, leased_until::text, looks_for_move "
        "from worker.take_due_fetches(%s, '10 minutes') order by iri, debtor_id, looks_for_move"
    )
    return connection.execute(query, (limit,)).fetchall()


def finish(connection: Connection, lease: tuple[Any, ...], outcome: str, **fields: Any) -> int:
    names = ("iri", "debtor_id", "leased_until", "looks_for_move")
    result = {**dict(zip(names, (*lease[:2], *lease[3:]), strict=True)), "outcome": outcome, **fields}
    row = connection.execute("select worker.apply_fetch_results(%s)", (json.dumps([result]),)).fetchone()
    assert row is not None
    return int(row[0])


def fetches(connection: Connection, columns: str = "iri, debtor_id") -> list[tuple[Any, ...]]:
    return connection.execute(
        f"select {columns} from worker.debtor_info_fetch order by iri, debtor_id, looks_for_move".encode()
    ).fetchall()


def store(connection: Connection, fetched: str, frozen_until: str | None = None, **fields: Any) -> None:
    """A stored document that was fetched this long ago."""
    body = json.dumps(pegged_document(will_not_change_until=frozen_until, **fields))
    connection.execute(
        """
        insert into worker.debtor_info_document (
          debtor_info_locator, debtor_id, peg_debtor_info_locator, peg_debtor_id, peg_exchange_rate,
          will_not_change_until, fetched_at
        )
        select d.debtor_info_locator, d.debtor_id, d.peg_debtor_info_locator, d.peg_debtor_id, d.peg_exchange_rate,
          d.will_not_change_until, worker.now() - %s::interval
        from jsonb_populate_record(null::worker.debtor_info_document, %s) as d
        """,
        (fetched, body),
    )


def discover(**fields: Any) -> dict[str, Any]:
    return message("DiscoverDebtor", **fields)


def confirm(**fields: Any) -> dict[str, Any]:
    return message("ConfirmDebtor", **fields)


def fetch(iri: str, is_locator_fetch: bool, forced_iri: str | None = None, debtor_id: int = 666) -> dict[str, Any]:
    return {
        "iri": iri,
        "debtor_id": debtor_id,
        "is_locator_fetch": is_locator_fetch,
        "is_discovery_fetch": not is_locator_fetch,
        "forced_iri": forced_iri,
        "recursion_level": 0,
    }


def add_claim(connection: Connection, *, fetched: str | None, discovered: str = "0", forced: str | None = None) -> None:
    """All moments are given as ages."""
    connection.execute(
        """
        insert into worker.debtor_locator_claim (
          debtor_id, debtor_info_locator, latest_locator_fetch_at, latest_discovery_fetch_at, forced_locator_refetch_at
        )
        values (666, %s, worker.now() - %s::interval, worker.now() - %s::interval, worker.now() - %s::interval)
        """,
        (fetched and LOCATOR, fetched, discovered, forced),
    )


def claim(connection: Connection) -> tuple[Any, ...]:
    """Locator, and the ages of the last locator fetch, discovery fetch and forced refetch in seconds."""
    rows = connection.execute(
        """
        select debtor_info_locator,
          extract(epoch from worker.now() - latest_locator_fetch_at)::int,
          extract(epoch from worker.now() - latest_discovery_fetch_at)::int,
          extract(epoch from worker.now() - forced_locator_refetch_at)::int
        from worker.debtor_locator_claim
        """
    ).fetchall()
    assert len(rows) == 1
    return rows[0]

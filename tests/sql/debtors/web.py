"""A web of documents, and a shard that reads it: messages and fetches go on until nothing is left to do."""

from __future__ import annotations

import json
from typing import Any

from tests.conftest import Connection
from tests.sql.messages import apply, message
from tests.sql.outgoing import sent

TYPES = ("DiscoverDebtor", "ConfirmDebtor", "FetchDebtorInfo", "StoreDocument")
MANY = 50


class Web:
    """`pages` are the documents by address; other addresses answer 404. `read` lists what was asked for."""

    def __init__(self, connection: Connection) -> None:
        self.pages: dict[str, dict[str, Any]] = {}
        self.read: list[str] = []
        self.heard: list[dict[str, Any]] = []
        self._connection = connection

    def publish(self, address: str, locator: str, debtor_id: int, **fields: Any) -> None:
        """Puts a document there that says: this is the debtor, and the latest document is at the locator."""
        names = ("peg_debtor_info_locator", "peg_debtor_id", "peg_exchange_rate", "will_not_change_until")
        nothing = dict.fromkeys(names)
        self.pages[address] = {"debtor_info_locator": locator, "debtor_id": debtor_id, **nothing, **fields}

    def report(self, debtor_id: int, iri: str, *, force: bool = True) -> None:
        """The debtor's authority says where the document is; then everybody works until all is quiet."""
        apply(self._connection, message("DiscoverDebtor", debtor_id=debtor_id, iri=iri, force_locator_refetch=force))
        self.settle()

    def settle(self) -> None:
        """Lets messages and due fetches go on until there are none. `heard` gets the messages, without their `ts`."""
        for _ in range(MANY):
            now = self._now()
            messages = [{"type": kind, "ts": now, **body} for kind in TYPES for body in sent(self._connection, kind)]
            for item in messages:
                apply(self._connection, item)
            self.heard += messages
            if not self._fetch() and not messages:
                return
        raise AssertionError("it does not end")

    def _now(self) -> str:
        row = self._connection.execute("select worker.now()").fetchone()
        assert row is not None
        return str(row[0].isoformat())

    def _fetch(self) -> int:
        leases = [
            row[0]
            for row in self._connection.execute(
                "select to_jsonb(d) from worker.take_due_fetches(100, '10 minutes') as d"
            ).fetchall()
        ]
        results = []
        for lease in leases:
            self.read.append(lease["url"])
            page = self.pages.get(lease["url"])
            outcome = {"outcome": "retry", "errorcode": 404} if page is None else {"outcome": "document"}
            results.append({**lease, **outcome, "document": page, "jitter": 1.0})
        self._connection.execute("select worker.apply_fetch_results(%s)", (json.dumps(results),))
        return len(leases)

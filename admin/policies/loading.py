"""`swpt-trade load_policies`: tells a worker what its customers want, as the creditors agent has it now.

It makes the same notifications that the agent sends when something changes, with the agent's own update IDs, and puts
them into the inbox like the bridge does. So newer notifications win, whenever they come, and repeating changes nothing.

The agent's Web API knows all of UpdatedPolicy and UpdatedFlags, and enough for an UpdatedLedger of an account that has
had a transfer (`ledgers`). The others wait for their first one: only then the agent tells what no document has.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from admin.policies.creditors_api import ApiError, CreditorsApi, Document, part, text
from admin.policies.ledgers import ledger_notification
from bridge.coin_info import parse_debtor_uri
from bridge.inbound import Inbound
from bridge.wire.ports import JSON_CONTENT_TYPE, Delivery
from bridge.wire.sharding import Realm, binary_routing_key
from bridge.wire.topology import TO_TRADE

logger = logging.getLogger(__name__)

SCHEDULED_FOR_DELETION = 1
"""The bit of `config_flags` that the Web API shows, the only one that a customer can set."""

_BATCH = 1000
_CREDITOR_URL = re.compile(r".*/([0-9]{1,20})/")
_TELL_AFTER = 2.0

Tell = Callable[[str], None]
TellWaiting = Callable[[int, int], None]
Notification = dict[str, Any]


@dataclass(slots=True)
class Counts:
    """What has been done so far."""

    creditors: int = 0
    own_creditors: int = 0
    accounts: int = 0
    notifications: int = 0
    refused: int = 0
    waiting: int = 0
    """Accounts whose ledger the API does not tell."""

    def __str__(self) -> str:
        return (
            f"{self.creditors:,} creditors, {self.own_creditors:,} of this shard, {self.accounts:,} accounts, "
            f"{self.notifications:,} notifications"
            + (f", {self.waiting:,} accounts wait for their first transfer" if self.waiting else "")
            + (f", {self.refused:,} refused" if self.refused else "")
        )


@dataclass(frozen=True, slots=True)
class Bookmark:
    """Remembers in a file which page comes next, so that another run goes on there. Without a path: nothing."""

    path: Path | None
    owner: dict[str, str]

    def read(self) -> str | None:
        """The URL of the next page; None: begin with the first one. Raises ApiError for somebody else's bookmark."""
        if self.path is None or not self.path.exists():
            return None
        try:
            saved = json.loads(self.path.read_text(encoding="utf-8"))
        except ValueError:
            saved = {}
        if not isinstance(saved, dict) or {name: saved.get(name) for name in self.owner} != self.owner:
            raise ApiError(f"{self.path} belongs to another server or shard: delete it, or name another file")
        return text(saved, "next_page")

    def write(self, next_page: str | None) -> None:
        """Replaces the file, or removes it when there is no next page."""
        if self.path is None:
            return
        if next_page is None:
            self.path.unlink(missing_ok=True)
            return
        new = self.path.with_name(self.path.name + ".new")
        new.write_text(json.dumps({**self.owner, "next_page": next_page}), encoding="utf-8")
        new.replace(self.path)


@dataclass(slots=True)
class Notifications:
    """A source for the bridge: what waits to be put into the inbox."""

    waiting: list[Delivery] = field(default_factory=list)
    refused: int = 0

    def add(self, notification: Notification) -> None:
        """Appends one, in the agent's JSON."""
        self.waiting.append(
            Delivery(
                tag=len(self.waiting),
                exchange=TO_TRADE,
                routing_key=binary_routing_key(notification["creditor_id"]),
                type=notification["type"],
                content_type=JSON_CONTENT_TYPE,
                headers={},
                body=json.dumps(notification).encode(),
            )
        )

    def take(self, limit: int, timeout: float) -> list[Delivery]:
        """Up to `limit` of them; they stay here until they are settled."""
        return self.waiting[:limit]

    def settle(self, accepted: Sequence[int], rejected: Sequence[int] = ()) -> None:
        """Forgets what is in the inbox, and what was refused."""
        done = {*accepted, *rejected}
        self.waiting = [delivery for delivery in self.waiting if delivery.tag not in done]
        self.refused += len(rejected)

    def widen(self, extra: int) -> None:
        """There is no limit."""

    def close(self) -> None:
        """Nothing to give back."""


def load(
    api: CreditorsApi,
    worker: psycopg.Connection[Any],
    realm: Realm,
    bookmark: Bookmark,
    tell: Tell,
    tell_waiting: TellWaiting = lambda creditor_id, debtor_id: None,
) -> Counts:
    """Loads policies, flags and ledgers of all accounts of this shard's creditors. Returns what was done.

    `tell_waiting` is called for each account whose ledger the API does not tell.

    After each page of creditors its notifications are committed, then the bookmark moves on. Raises ApiError and
    psycopg.Error; what was committed stays.
    """
    row = worker.execute("select lane_count from worker.configuration").fetchone()
    assert row is not None
    source = Notifications()
    inbound = Inbound(source, worker, realm, row[0], _BATCH)
    counts = Counts()
    told_at = time.monotonic()
    first = bookmark.read()
    if first is None:
        directory = api.resolve("creditors/.list")
        first = api.resolve(text(api.get(directory), "first"), directory)
    else:
        tell(f"going on at {first}")
    for _, creditors, next_page in api.pages(first):
        for creditor in creditors:
            counts.creditors += 1
            if realm.matches(creditor_id(creditor)):
                counts.own_creditors += 1
                _load_creditor(api, creditor, source, counts, tell_waiting)
        _deliver(inbound, source, counts)
        bookmark.write(next_page)
        if time.monotonic() - told_at > _TELL_AFTER:
            told_at = time.monotonic()
            tell(str(counts))
    return counts


def creditor_id(url: str) -> int:
    """The ID of the creditor at an absolute URL; on the wire IDs are unsigned. Raises ApiError."""
    match = _CREDITOR_URL.fullmatch(url)
    number = int(match[1]) if match else 2**64
    if number >= 2**64:
        raise ApiError(f"{url} does not end with the ID of a creditor")
    return number - 2**64 if number >= 2**63 else number


def _load_creditor(
    api: CreditorsApi, creditor: str, source: Notifications, counts: Counts, tell_waiting: TellWaiting
) -> None:
    accounts = dict(_accounts(api, creditor))
    for url, account in accounts.items():
        counts.accounts += 1
        try:
            debtor_id = _debtor_id(account)
            keys = {"debtor_id": debtor_id, "creditor_id": creditor_id(creditor)}
            news = [flags_notification(account), policy_notification(account, _peg_id(api, account, url, accounts))]
            ledger = ledger_notification(api, account, url)
        except ApiError as error:
            counts.refused += 1
            logger.error("account %s was left out: %s", url, error)
            continue
        if ledger is None:
            counts.waiting += 1
            tell_waiting(keys["creditor_id"], keys["debtor_id"])
        for notification in news if ledger is None else [*news, ledger]:
            source.add({**notification, **keys})


def _accounts(api: CreditorsApi, creditor: str) -> Iterator[tuple[str, Document]]:
    """All accounts of a creditor by URL. Whatever is deleted meanwhile is left out."""
    overview_url = api.resolve("accounts-list", creditor)
    if (overview := api.find(overview_url)) is None:
        return
    for _, urls, _ in api.pages(api.resolve(text(overview, "first"), overview_url)):
        for url in urls:
            if (account := api.find(url)) is not None:
                yield url, account


def policy_notification(account: Document, peg_debtor_id: int | None) -> Notification:
    """An UpdatedPolicy without its keys, out of an account's `exchange`. Raises ApiError."""
    exchange = part(account, "exchange")
    return {
        "type": "UpdatedPolicy",
        "update_id": exchange.get("latestUpdateId"),
        "policy_name": exchange.get("policy"),
        "min_principal": exchange.get("minPrincipal"),
        "max_principal": exchange.get("maxPrincipal"),
        "peg_exchange_rate": part(exchange, "peg").get("exchangeRate") if "peg" in exchange else None,
        "peg_debtor_id": peg_debtor_id,
        "ts": exchange.get("latestUpdateAt"),
    }


def flags_notification(account: Document) -> Notification:
    """An UpdatedFlags without its keys, out of an account's `config`. Raises ApiError."""
    config = part(account, "config")
    is_unwanted = config.get("scheduledForDeletion")
    if not isinstance(is_unwanted, bool):
        raise ApiError("a configuration without 'scheduledForDeletion'")
    return {
        "type": "UpdatedFlags",
        "update_id": config.get("latestUpdateId"),
        "config_flags": SCHEDULED_FOR_DELETION if is_unwanted else 0,
        "ts": config.get("latestUpdateAt"),
    }


def _peg_id(api: CreditorsApi, account: Document, url: str, accounts: dict[str, Document]) -> int | None:
    """The currency that an account is pegged to: the peg leads to another account of the same creditor."""
    exchange = part(account, "exchange")
    if "peg" not in exchange:
        return None
    peg_url = api.resolve(text(part(part(exchange, "peg"), "account"), "uri"), url)
    peg_account = accounts.get(peg_url) or api.find(peg_url)
    if peg_account is None:
        raise ApiError(f"it is pegged to {peg_url}, which does not exist any more")
    return _debtor_id(peg_account)


def _debtor_id(account: Document) -> int:
    uri = text(part(account, "debtor"), "uri")
    try:
        return parse_debtor_uri(uri)
    except ValueError as error:
        raise ApiError(f"{uri}: {error}") from None


def _deliver(inbound: Inbound, source: Notifications, counts: Counts) -> None:
    """Commits all that waits to the inbox; the checks there are those of the bridge."""
    total, refused = len(source.waiting), source.refused
    while inbound.run_once(0.0):
        pass
    new_refused = source.refused - refused
    counts.notifications += total - new_refused
    counts.refused += new_refused

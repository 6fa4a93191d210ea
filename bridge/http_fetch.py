"""Fetches debtor info documents: due fetches out of the database, HTTPS requests, results back in.

Due fetches are leased, so no lock is held during HTTP; a crash lets the lease run out, and they are fetched again.
"""

from __future__ import annotations

import logging
import random
import ssl
import time
from collections.abc import Callable, Hashable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, LiteralString, Protocol

import httpx
import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from bridge.coin_info import CONTENT_TYPE, MAX_BODY_BYTES, CoinInfo, InvalidDocument, parse_coin_info
from bridge.fetch_faults import FetchFaults
from bridge.fetching.circuits import HostRests
from bridge.fetching.fetching import FAULTS, Answer, Limits
from bridge.fetching.names import LookUp
from bridge.fetching.patience import GaveWay
from bridge.fetching.policy import DEFAULT_PORTS, Policy, PrivateAddress, Refused
from bridge.fetching.requests import Requests
from bridge.messages.moments import format_moment
from pipelines.batches import Sizes, is_too_much
from pipelines.texts import shown

logger = logging.getLogger(__name__)

LEASE_MARGIN = 60.0
_LOOK_SECONDS = 0.2

_TAKE: LiteralString = "select iri, debtor_id, looks_for_move, url, leased_until from worker.take_due_fetches(%s, %s)"
_APPLY: LiteralString = "select worker.apply_fetch_results(%s)"


@dataclass(frozen=True, slots=True)
class DueFetch:
    """A fetch that needs HTTP. `url` is what to get: `iri`, or what may tell that the debtor has moved from there."""

    iri: str
    debtor_id: int
    looks_for_move: bool
    url: str
    leased_until: datetime


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the database is told. `errorcode` is the HTTP status of a response that was no document.

    `wait`: it did not get its turn, which is not counted against it. `again`: it was broken off by us.
    """

    outcome: Literal["document", "retry", "drop", "wait", "again"]
    errorcode: int | None = None
    document: CoinInfo | None = None


class Getting(Protocol):
    """Gets documents while nobody waits: `Requests`, or what stands in for it."""

    def submit(self, urls: Iterable[tuple[Hashable, str]]) -> None: ...
    def results(self) -> Sequence[tuple[Hashable, Answer | Exception]]: ...
    def fileno(self) -> int: ...
    def wait(self, seconds: float) -> None: ...
    def close(self) -> None: ...


def patience_of(timeout: float) -> float:
    """How long a fetch waits for its turn, in seconds."""
    return max(2 * timeout, 30.0)


def make_requests(
    *,
    connections: int = 100,
    timeout: float = 10.0,
    verify: bool | ssl.SSLContext = True,
    allow_private: bool = False,
    ports: Sequence[tuple[int, int]] = DEFAULT_PORTS,
    patience: float | None = None,
    look_up: LookUp | None = None,
    ca_file: str = "",
    max_bytes: int = MAX_BODY_BYTES,
) -> Requests:
    """At most `connections` requests run at a time; each may take `timeout` seconds, look-up and redirects included.

    Before that it waits for its turn for `patience` seconds, several times the timeout by default. `allow_private` lets
    documents come from loopback and private addresses, `ports` from these ports only. `look_up`: see `Requests`.
    `ca_file` has the authorities that are trusted. Documents have at most `max_bytes`.
    """
    if isinstance(verify, bool):
        own = ssl.create_default_context(cafile=ca_file) if verify and ca_file else None
        verify = own or httpx.create_ssl_context(verify, trust_env=False)
    return Requests(
        Policy(allow_private, ports),
        Limits(connections, timeout, patience_of(timeout) if patience is None else patience, max_bytes),
        verify,
        CONTENT_TYPE,
        look_up,
    )


class HttpFetch:
    """One fetcher. Several may run; each leases its own fetches.

    Fetches come and go one by one: a slow one does not hold up the results of others, nor those that get due later.
    """

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        requests: Getting,
        *,
        timeout: float = 10.0,
        limit: int = 2000,
        period: float = 5.0,
        sizes: Sizes | None = None,
        give_up: Callable[[], bool] = lambda: False,
    ) -> None:
        """The database connection must be in autocommit mode.

        At most `limit` fetches are under way, with the `timeout` of the requests; every `period` seconds the database
        is asked for more. `sizes`: what earlier fetchers of this process have learned. Once `give_up` returns true,
        `run_once` ends.
        """
        self._connection = connection
        self._requests = requests
        self._limit = limit
        self._lease = timedelta(seconds=timeout + patience_of(timeout) + LEASE_MARGIN)
        self._period = period
        self._sizes = sizes or Sizes()
        self._give_up = give_up
        self._faults = FetchFaults()
        self._under_way: dict[Hashable, DueFetch] = {}
        self._look_at = 0.0

    def run_once(self) -> int:
        """Until nothing is under way or due. Returns how many fetches needed HTTP. Raises psycopg.Error."""
        total = 0
        self._look_at = 0.0
        while True:
            total += self.step()
            if not self._under_way or self._give_up():
                return total
            self._requests.wait(_LOOK_SECONDS)

    def step(self) -> int:
        """Applies the results that have come, and begins what is due. Returns how many results. Never waits for HTTP.

        Raises psycopg.Error.
        """
        applied = self._apply(self._requests.results())
        now = time.monotonic()
        if now >= self._look_at and self._has_room():
            self._look_at = now if self._take() else now + self._period
        return applied

    def fileno(self) -> int:
        """Readable when there are results to apply."""
        return self._requests.fileno()

    def rest(self) -> float:
        """Seconds until the next look for due fetches, if no results come."""
        return max(0.0, self._look_at - time.monotonic()) if self._has_room() else self._period

    def close(self) -> None:
        """Breaks off what is under way, and gives it back: others need not wait for the end of the leases."""
        self._requests.close()
        broken_off = [_result(due, Outcome("again")) for due in self._under_way.values()]
        self._under_way.clear()
        if broken_off:
            with suppress(psycopg.Error):
                self._store(broken_off)

    def _has_room(self) -> bool:
        return 2 * len(self._under_way) <= self._limit

    def _take(self) -> bool:
        """Whether there may be more."""
        room = self._limit - len(self._under_way)
        asked = 0

        def take(size: int) -> list[DueFetch]:
            nonlocal asked
            asked = min(size, room)
            with self._connection.cursor(row_factory=class_row(DueFetch)) as cursor:
                return cursor.execute(_TAKE, (asked, self._lease)).fetchall()

        taken = self._sizes.run("fetches that are due", self._limit, take)
        # A lease that ran out while its request went on is replaced: the result of either will do.
        keyed: dict[Hashable, DueFetch] = {(due.iri, due.debtor_id, due.looks_for_move): due for due in taken}
        self._under_way |= keyed
        self._requests.submit([(key, due.url) for key, due in keyed.items()])
        return len(taken) == asked

    def _apply(self, results: Sequence[tuple[Hashable, Answer | Exception]]) -> int:
        known = [(self._under_way.pop(key, None), result) for key, result in results]
        outcomes = [_result(due, outcome_of(due.url, result, self._faults)) for due, result in known if due is not None]
        self._store(outcomes)
        return len(outcomes)

    def _store(self, results: list[dict[str, Any]]) -> None:
        """What is too much alone is left to be fetched again when its lease is over."""
        batches = self._sizes.of("results of fetches", self._limit)
        done = 0

        def apply(size: int) -> int:
            self._connection.execute(_APPLY, (Jsonb(results[done : done + size]),))
            return size

        while done < len(results):
            try:
                done += batches.run(apply)
            except psycopg.Error as error:
                if not is_too_much(error):
                    raise
                iri = shown(results[done]["iri"])
                logger.error("the document of %s is too much even alone: %s", iri, error.sqlstate)
                done += 1


def outcome_of(url: str, result: Answer | Exception, faults: FetchFaults) -> Outcome:
    """What has come of a fetch. Never raises; tells in the log of what went wrong."""
    try:
        outcome = _judge(result)
        faults.answered()
        return outcome
    except (*FAULTS, PrivateAddress, InvalidDocument) as error:
        logger.info("fetching %s failed: %s: %s", shown(url), type(error).__name__, shown(error))
        faults.failed(url, error)
        return Outcome("retry")
    except Refused as error:
        logger.warning("dropped the fetch of %s: %s", shown(url), shown(error))
        return Outcome("drop")
    except GaveWay:
        return Outcome("wait")
    except HostRests as error:
        logger.info("fetching %s failed: %s", shown(url), error)
        return Outcome("retry")
    except Exception as error:
        logger.warning("dropped the fetch of %s: unexpected %s: %s", shown(url), type(error).__name__, shown(error))
        return Outcome("drop")


def _judge(result: Answer | Exception) -> Outcome:
    if isinstance(result, Exception):
        raise result
    if result.problem:
        raise InvalidDocument(result.problem)
    if result.status == httpx.codes.GONE:
        return Outcome("drop", result.status)
    if result.status != httpx.codes.OK:
        return Outcome("retry", result.status)
    # Whoever got it has seen to its length.
    return Outcome("document", document=parse_coin_info(result.body, len(result.body)))


def _result(due: DueFetch, outcome: Outcome) -> dict[str, Any]:
    document = None
    if outcome.document is not None:
        peg, until = outcome.document.peg, outcome.document.will_not_change_until
        document = {
            "debtor_info_locator": outcome.document.debtor_info_locator,
            "debtor_id": outcome.document.debtor_id,
            "peg_debtor_info_locator": peg and peg.debtor_info_locator,
            "peg_debtor_id": peg and peg.debtor_id,
            "peg_exchange_rate": peg and peg.exchange_rate,
            "will_not_change_until": until and format_moment(until),
            "name": outcome.document.name,
            "abbreviation": outcome.document.abbreviation,
        }
    return {
        "iri": due.iri,
        "debtor_id": due.debtor_id,
        "looks_for_move": due.looks_for_move,
        "leased_until": format_moment(due.leased_until),
        "outcome": outcome.outcome,
        "errorcode": outcome.errorcode,
        "jitter": random.uniform(0.5, 1.0),
        "document": document,
    }

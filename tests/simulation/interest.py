"""What the shards know of their collectors' interest: nothing that the authority did not tell, and it when they try."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, LiteralString

import psycopg

from sandbox.authority.state import T0
from sandbox.protocol import smp
from tests.simulation.amounts import Rates
from tests.simulation.violation import Violation

_TOLERANCE = timedelta(seconds=2)
"""Authorities may round the moment of a change."""

_Account = tuple[int, int]

_KNOWN: LiteralString = """
select
  a.creditor_id,
  a.debtor_id,
  a.last_interest_rate_change_ts,
  a.interest_rate::float8,
  a.demurrage_rate,
  array(
    select c.change_ts
    from worker.interest_rate_change as c
    where c.creditor_id = a.creditor_id and c.debtor_id = a.debtor_id
    order by c.change_ts
  ),
  array(
    select c.interest_rate::float8
    from worker.interest_rate_change as c
    where c.creditor_id = a.creditor_id and c.debtor_id = a.debtor_id
    order by c.change_ts
  )
from worker.worker_account as a
"""

_REQUESTS: LiteralString = """
select p.creditor_id, p.debtor_id, p.coordinator_request_id
from outbox.prepare_transfer as p
join worker.worker_account as a on a.creditor_id = p.creditor_id and a.debtor_id = p.debtor_id
"""


@dataclass(slots=True)
class Interest:
    """An observer of all shards. As long as `is_borne` is false, all rates are zero and nobody has to look."""

    is_borne: bool = False
    _told: dict[_Account, set[tuple[datetime, float]]] = field(default_factory=dict)
    _known: dict[_Account, Rates] = field(default_factory=dict)
    _reckoned: dict[tuple[int, int], tuple[Rates, ...]] = field(default_factory=dict)
    """What could be known by each request of a collector."""

    def hear(self, update: smp.AccountUpdate) -> None:
        """Takes note of what the authority tells."""
        told = self._told.setdefault((update.creditor_id, update.debtor_id), set())
        told.add((update.last_interest_rate_change_ts, update.interest_rate))

    def look(self, worker: psycopg.Connection[Any]) -> None:
        """After each step of a shard: what does it know now, and which tries are new? Raises `Violation`."""
        if not self.is_borne:
            return
        before = self._known
        self._known = dict(before)
        for creditor_id, debtor_id, moment, rate, demurrage_rate, moments, rates in worker.execute(_KNOWN).fetchall():
            account = (creditor_id, debtor_id)
            now = Rates(frozenset(zip(moments, rates, strict=True)), (moment, rate), demurrage_rate)
            if not {*now.changes, now.latest} <= self._told.get(account, set()):
                raise Violation(f"nobody told this of the interest of {account}: {now}")
            self._known[account] = now
        for creditor_id, debtor_id, request_id in worker.execute(_REQUESTS).fetchall():
            account = (creditor_id, debtor_id)
            if (creditor_id, request_id) not in self._reckoned:
                self._reckoned[creditor_id, request_id] = tuple(
                    known[account] for known in (before, self._known) if account in known
                )

    def rates(self, request: smp.PrepareTransfer, since: datetime) -> set[float]:
        """The lowest rates that the try may reckon with. Raises `Violation` when it knew of no such change."""
        latest = request.final_interest_rate_ts - _TOLERANCE
        if not self.is_borne:
            if latest != T0:
                raise Violation(f"no interest rate changed at {latest}: {request}")
            return {0.0}
        found = set()
        for rates in self._reckoned[request.coordinator_id, request.coordinator_request_id]:
            # The step may have heard of several changes, and the try came in between.
            for known in (rates, rates.until(latest)):
                if known is not None and known.newest == latest:
                    found.add(known.lowest(since))
        if not found:
            raise Violation(f"the shard knew of no change at {latest}: {request}")
        return found

"""What `swpt-trade import_databases` does: an old solver and an old worker database become ours, or would.

Both are read and looked at before either is written. Each is one transaction of our database, with a mark of what it
came from; the solver's is committed first. Whatever ends the run in between is repaired by another one: a database with
the mark is only looked at, and everything else begins anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, LiteralString

import psycopg
from psycopg import sql as names
from psycopg.types.json import Jsonb

from admin.takeover import staging
from admin.takeover.old_database import Connection, NoOldDatabase, OldDatabase, find
from admin.takeover.staging import Table
from service import binding
from service.databases import check_schema, opened
from service.loop import Unusable
from service.wiring import Wiring
from settings.config import Config
from sql import Kind
from sql.connections import connect
from sql.permanent import permanent_errors

NAME = "import_databases"

_IN_FLIGHT: tuple[tuple[str, LiteralString, str], ...] = (
    ("worker_turn", "phase < 3 or worker_turn_subphase < 10", "turns that the worker has not finished"),
    ("account_lock", "released_at is null", "locked accounts"),
    ("creditor_participation", "true", "verdicts that were not carried out"),
    ("dispatching_status", "true", "collectors that have not paid out everything"),
    ("transfer_attempt", "fatal_error is null", "payments of collectors under way"),
    ("delayed_account_transfer", "true", "payments that came before their turn's result"),
)
_OTHERS_AT_WORK: LiteralString = """
select count(*) from pg_stat_activity as a
where a.datname = current_database()
  and a.application_name like 'swpt-trade %'
  and a.application_name <> 'swpt-trade import_databases'
"""
_RANGE: LiteralString = """
select min(collector_id), max(collector_id), count(*)
from (select n.creditor_id as collector_id from pg_temp.new_needed_worker_account as n
  union all select s.collector_id from pg_temp.solver_collector as s) as c, worker.configuration as w
where c.collector_id not between w.min_collector_id and w.max_collector_id
"""
_WITHOUT_ACCOUNT: LiteralString = """
select count(*), (array_agg(s.debtor_id || '/' || s.collector_id))[1:5]
from pg_temp.solver_collector as s
where s.status between 1 and 3 and worker.in_realm(worker.hash32(s.collector_id)) and not exists (
  select from worker.needed_worker_account as n
  where n.creditor_id = s.collector_id and n.debtor_id = s.debtor_id
  union all
  select from pg_temp.new_needed_worker_account as n
  where n.creditor_id = s.collector_id and n.debtor_id = s.debtor_id
)
"""
_WITHOUT_COLLECTOR: LiteralString = """
select count(*), (array_agg(n.debtor_id || '/' || n.creditor_id))[1:5]
from (select creditor_id, debtor_id from worker.needed_worker_account
  union select creditor_id, debtor_id from pg_temp.new_needed_worker_account) as n
where worker.in_realm(worker.hash32(n.creditor_id)) and not exists (
  select from pg_temp.solver_collector as s
  where s.collector_id = n.creditor_id and s.debtor_id = n.debtor_id
)
"""
_OTHER_SUMS: LiteralString = """
select count(*) from (
  select a.debtor_id, sum(a.principal) as principal
  from pg_temp.old_worker_account as a
  inner join pg_temp.new_worker_account using (creditor_id, debtor_id)
  group by a.debtor_id
) as o
full join (
  select a.debtor_id, sum(a.principal) as principal from worker.worker_account as a group by a.debtor_id
) as n using (debtor_id)
where o.principal is distinct from n.principal
"""


class ImportFailed(Exception):
    """A check after the import found something, so nothing was committed; the message says what."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What is in the way, and what to do about it."""

    what: str
    remedy: str


@dataclass(slots=True)
class Part:
    """What there is to say about one database. `tables`: empty if it was imported before, or can not be."""

    kind: Kind
    found: str = ""
    imported_before: str | None = None
    tables: list[Table] = field(default_factory=list)
    is_written: bool = False


@dataclass(slots=True)
class Outcome:
    """All that there is to say.

    `in_flight`: what was under way in the old worker database, in words. `had_payments`: there was something, also if
    it was imported before.
    """

    parts: list[Part] = field(default_factory=list)
    obstacles: list[Obstacle] = field(default_factory=list)
    in_flight: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    had_payments: bool = False

    def stop(self, what: str, remedy: str) -> None:
        self.obstacles.append(Obstacle(what, remedy))


@dataclass(frozen=True, slots=True)
class Order:
    """What the operator wants. URLs of the old databases: None where they are ours."""

    config: Config
    operator: str
    old_solver_url: str | None = None
    old_worker_url: str | None = None
    is_dry: bool = False
    allows_in_flight: bool = False


@dataclass(slots=True)
class _Side:
    """One of our databases, in a transaction, and the old one beside it. `old`: None if it is not to be had."""

    ours: Connection
    part: Part
    old: OldDatabase | None = None
    is_ready: bool = False


def run(order: Order) -> Outcome:
    """Imports both databases, unless something is in the way. Raises psycopg.Error, Unusable and ImportFailed."""
    outcome = Outcome()
    with _opened(order, "solver", outcome) as solver, _opened(order, "worker", outcome) as worker:
        _look(order, outcome, solver, worker)
        if not (order.is_dry or outcome.obstacles):
            for side in (solver, worker):
                if side.part.imported_before is None:
                    _write(order, outcome, side)
            # What is committed in between is not imported again.
            solver.ours.commit()
            worker.ours.commit()
    return outcome


@contextmanager
def _opened(order: Order, kind: Kind, outcome: Outcome) -> Iterator[_Side]:
    """Both databases of a kind, and what is in the way of using them. Ends both transactions without committing."""
    url = order.config.solver_postgres_url if kind == "solver" else order.config.worker_postgres_url
    old_url = (order.old_solver_url if kind == "solver" else order.old_worker_url) or url
    part = Part(kind)
    outcome.parts.append(part)
    with opened(url, kind, NAME, is_inner=kind == "worker") as ours, _old_connection(old_url, kind) as source:
        side = _Side(ours, part)
        try:
            check_schema(ours, kind)
            side.is_ready = True
        except Unusable as error:
            outcome.stop(str(error), "It changes nothing of the old tables, so it can be run at any time before.")
        try:
            side.old = find(source, kind)
            part.found = side.old.described()
        except NoOldDatabase as error:
            outcome.stop(str(error), "Look at the URLs.")
        ours.autocommit = source.autocommit = False
        try:
            yield side
        finally:
            for connection in (ours, source):
                if not connection.closed:
                    connection.rollback()


@contextmanager
def _old_connection(url: str, kind: Kind) -> Iterator[Connection]:
    with permanent_errors(url, kind, f"--old-{kind}-url", is_inner=True) as place, connect(url, NAME) as connection:
        place.connection = connection
        yield connection


def _look(order: Order, outcome: Outcome, solver: _Side, worker: _Side) -> None:
    """Reads and maps both, and finds all that is in the way. Nothing is written but temporary tables."""
    for side in (solver, worker):
        if side.is_ready:
            _look_at_ours(order, outcome, side)
        if side.old is not None and side.part.imported_before is None:
            _look_at_old(order, outcome, side.old)
    if worker.is_ready:
        _enroll(order, outcome, worker, solver)
    for side in (solver, worker):
        if side.is_ready and side.old is not None:
            try:
                _stage(order, outcome, side, solver)
            except NoOldDatabase as error:
                outcome.stop(str(error), "Look at the URLs, and at what was changed by hand in the old database.")
                side.is_ready = False
    if all(side.is_ready and side.old is not None for side in (solver, worker)):
        _compare(outcome, worker)


def _look_at_ours(order: Order, outcome: Outcome, side: _Side) -> None:
    """Is it marked, or empty, and at rest?"""
    kind, ours = side.part.kind, side.ours
    if not order.is_dry:
        # Another run may be at it: of another worker, or of somebody who was impatient. It is waited for.
        ours.execute(names.SQL("lock table {}.takeover in share row exclusive mode").format(names.Identifier(kind)))
    row = ours.execute(
        names.SQL(
            "select release, system_identifier, database_id, schema_name, imported_at, row_counts from {}.takeover"
        ).format(names.Identifier(kind))
    ).fetchone()
    if kind == "worker" and row is not None:
        outcome.had_payments = bool(_value(ours, "select had_payments from worker.takeover"))
    if row is None:
        filled = staging.filled_tables(ours, kind)
        if filled:
            outcome.stop(
                f"our {kind} database is not empty, and was not imported: there are rows in {', '.join(filled)}",
                "Make a new database, run `swpt-trade configure` on it, and import into that one.",
            )
        at_work = _value(ours, _OTHERS_AT_WORK)
        if at_work:
            outcome.stop(
                f"processes of this release are connected to our {kind} database ({at_work} connections)",
                "Stop them until both databases are imported.",
            )
        return
    release, *place, imported_at, row_counts = row
    counts = staging.counts_of(ours, kind)
    is_same = {name: counts[name] for name in row_counts} == row_counts
    moment = imported_at.isoformat(sep=" ", timespec="seconds")
    side.part.imported_before = (
        f"imported at {moment} from release {release}, {sum(row_counts.values())} rows; "
        f"{'they are all there' if is_same else 'it has been at work since'}"
    )
    if side.old is not None and tuple(place) != side.old.place():
        outcome.stop(
            f"our {kind} database was imported from another one than {side.old.described()}",
            f"Look at the URLs: this is the {kind} database of another shard, or of another installation.",
        )


def _look_at_old(order: Order, outcome: Outcome, old: OldDatabase) -> None:
    """Does nobody work on it, and nothing wait there that only the earlier service can handle?"""
    sessions = old.sessions()
    if sessions:
        outcome.stop(
            f"somebody is connected to the old {old.kind} database: {'; '.join(sessions)}",
            "Stop the old service: all its processes, on all machines. Then this goes away by itself.",
        )
    signals = old.signals()
    if signals:
        found = ", ".join(f"{count} in {name}" for name, count in signals.items())
        outcome.stop(
            f"messages of the old {old.kind} database were not sent, or not carried out: {found}",
            "Start the old service again, and wait until these tables are empty. Its `flush_…` commands send them.",
        )
    if old.kind == "solver":
        query = names.SQL("select turn_id, phase from {} where phase < 4 order by turn_id").format(old.table("turn"))
        for turn_id, phase in old.connection.execute(query).fetchall():
            outcome.stop(
                f"the turn {turn_id} is not over, it is in phase {phase}",
                "Start the old service again, and let the turn end. Stop the old solver before it begins another one.",
            )
        return
    for table, condition, words in _IN_FLIGHT:
        count = old.count(table, condition)
        if count:
            outcome.in_flight.append(f"{words}: {count} rows of {table}")
    outcome.had_payments = bool(outcome.in_flight)
    if outcome.in_flight and not order.allows_in_flight:
        outcome.stop(
            "something is still under way: " + "; ".join(outcome.in_flight),
            "Let the old workers go on until it is gone: hours, normally. What can not end soon is imported as it is "
            "with --allow-in-flight; then there is no way back.",
        )


def _enroll(order: Order, outcome: Outcome, worker: _Side, solver: _Side) -> None:
    """The worker database gets the settings of this shard, which say what belongs to it."""
    row = worker.ours.execute("select installation_id from worker.identity").fetchone()
    installation = _value(solver.ours, "select solver.installation_id()") if solver.is_ready else None
    if row is None or row[0] != installation:
        outcome.stop(
            "our worker database is not bound to our solver database",
            "Run `swpt-trade configure` with the same environment.",
        )
        worker.is_ready = False
        return
    try:
        with worker.ours.transaction():
            Wiring(order.config).enroll(worker.ours)
    except psycopg.Error as error:
        if error.sqlstate not in binding.REFUSALS:
            raise
        outcome.stop(binding.refusal(error), "Look at the environment: it is that of another shard.")
        worker.is_ready = False


def _stage(order: Order, outcome: Outcome, side: _Side, solver: _Side) -> None:
    """Reads and maps the rows of one database, unless it was imported before. Raises NoOldDatabase."""
    old, ours = side.old, side.ours
    assert old is not None
    if side.part.imported_before is not None:
        if old.kind == "worker":
            staging.prepare(ours, old.kind)
            _read_solver(ours, solver)
        return
    old.connection.commit()
    # The locks come before the first look, so that nothing that is written meanwhile can be missed.
    old.connection.execute("set transaction isolation level repeatable read")
    staging.prepare(ours, old.kind)
    try:
        counts = staging.read(ours, old, is_locked=not order.is_dry)
    except psycopg.errors.LockNotAvailable:
        old.connection.rollback()
        outcome.stop(f"somebody writes to the old {old.kind} database", "Stop the old service, and whoever else does.")
        side.is_ready = False
        return
    if old.kind == "worker":
        _read_solver(ours, solver)
    side.part.tables = staging.map_rows(ours, old, counts)
    for table in side.part.tables:
        if table.is_obstacle:
            outcome.stop(
                f"rows of {table.name} break our rules, and none of this table may be missing: "
                + "; ".join(table.broken),
                "Correct them in the old database.",
            )


def _read_solver(worker: Connection, solver: _Side) -> None:
    """What the worker database has to agree with: collectors and turns as they are, or will be, in the solver's."""
    if not solver.is_ready or solver.old is None:
        return
    prefix = ("pg_temp", "new_") if solver.part.imported_before is None else ("solver", "")
    for table, copy, columns in (
        ("collector_account", "solver_collector", ["debtor_id", "collector_id", "status"]),
        ("turn", "solver_turn", ["turn_id", "collection_started_at", "collection_deadline"]),
    ):
        staging.pipe(solver.ours, names.Identifier(prefix[0], prefix[1] + table), worker, copy, columns)


def _compare(outcome: Outcome, worker: _Side) -> None:
    """Do the two databases agree about collectors, and has this shard a range of IDs with all of them?"""
    if worker.part.imported_before is None:
        row = worker.ours.execute(_RANGE).fetchone()
        assert row is not None
        lowest, highest, count = row
        if count:
            outcome.stop(
                f"{count} collectors have IDs outside of MIN_COLLECTOR_ID … MAX_COLLECTOR_ID: {lowest} … {highest}",
                "Set both as the old service had them, or wider.",
            )
    for query, words in (
        (_WITHOUT_ACCOUNT, "collectors of the solver database have no account in this worker database"),
        (_WITHOUT_COLLECTOR, "accounts in this worker database are of no collector in the solver database"),
    ):
        row = worker.ours.execute(query).fetchone()
        assert row is not None
        count, examples = row
        if count:
            outcome.notes.append(
                f"{count} {words} (debtor/collector {', '.join(examples)}): the workers adopt them when they start; "
                "look at `swpt-trade collectors held` then"
            )


def _write(order: Order, outcome: Outcome, side: _Side) -> None:
    """Writes what was mapped, checks it, and sets the mark. Commits nothing."""
    old, ours, kind = side.old, side.ours, side.part.kind
    assert old is not None
    staging.write(ours, kind)
    _check(side)
    if kind == "worker":
        ours.execute("select set_config('swpt.old_request_id', %s, true)", (str(old.last_request_id()),))
    ours.execute(staging.script(kind, "3_finish"))
    counts = staging.counts_of(ours, kind)
    system_identifier, database_id, schema = old.place()
    ours.execute(
        names.SQL(
            "insert into {}.takeover"
            " (release, system_identifier, database_id, schema_name, imported_at, imported_by, row_counts)"
            " values (%s, %s, %s, %s, {}.now(), %s, %s)"
        ).format(names.Identifier(kind), names.Identifier(kind)),
        (old.release, system_identifier, database_id, schema, order.operator, Jsonb(counts)),
    )
    if kind == "worker":
        ours.execute("update worker.takeover set had_payments = %s", (bool(outcome.in_flight),))
    side.part.is_written = True


def _check(side: _Side) -> None:
    """Raises ImportFailed unless all that was to be taken over is there, and nothing else."""
    kind, wrong = side.part.kind, []
    counts = staging.counts_of(side.ours, kind)
    for table in side.part.tables:
        if counts[table.name] != table.taken:
            wrong.append(f"{table.name} has {counts[table.name]} rows instead of {table.taken}")
        if table.name != "blocked_currency" and not table.is_accounted_for:
            wrong.append(f"of {table.name} {table.found} rows were read, and it is not clear what became of them all")
    if kind == "worker":
        differing = _value(side.ours, _OTHER_SUMS)
        if differing:
            wrong.append(f"the sums of principal differ in {differing} currencies")
        foreign = side.ours.execute("select table_name, row_count from worker.foreign_rows()").fetchall()
        wrong.extend(f"{table} has {count} rows of other shards" for table, count in foreign)
    if wrong:
        raise ImportFailed(f"the {kind} database is not as it should be, so nothing was written: {'; '.join(wrong)}")


def _value(connection: Connection, query: LiteralString) -> Any:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]

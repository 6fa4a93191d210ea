"""The way of rows from an old database into ours: read, mapped, compared with our rules, written. All in SQL, in sets.

The rows pass through temporary tables of our database: `old_<table>` has them as they were, `new_<table>` as they will
be. Both are gone when the transaction ends, so a dry run leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, LiteralString

import psycopg
from psycopg import sql as names

from admin.takeover.old_database import NoOldDatabase, OldDatabase
from sql import Kind

Connection = psycopg.Connection[tuple[Any, ...]]

TARGETS: Mapping[Kind, tuple[str, ...]] = {
    "solver": ("collector_account", "blocked_currency", "turn"),
    "worker": (
        "needed_worker_account",
        "worker_account",
        "interest_rate_change",
        "recently_needed_collector",
        "debtor_info_document",
        "debtor_locator_claim",
        "debtor_info_fetch",
        "trading_policy",
        "worker_turn",
        "account_lock",
        "creditor_participation",
        "dispatching_status",
        "worker_collecting",
        "worker_sending",
        "worker_receiving",
        "worker_dispatching",
        "transfer_attempt",
        "early_arrival",
    ),
}
"""Tables of ours that are filled."""

VITAL = frozenset({"collector_account", "needed_worker_account", "account_lock", "transfer_attempt"})
"""Tables none of whose rows may be missing: without them accounts get deleted, or money is paid twice or never."""

SOURCES = {"early_arrival": "delayed_account_transfer"}
"""Where a table has another name in the old database."""

_ONLY_IN = {
    ("delayed_account_transfer", None): "1.0",
    ("transfer_attempt", "transfer_kind"): "1.0",
    ("transfer_attempt", "is_dispatching"): "0.1.10",
}
"""Tables, and columns of tables, which one release has, and the other one has not."""

_BLOCK = 64 * 1024
_MOST_EXAMPLES = 5

_STAGED: LiteralString = """
select substr(c.relname, 5), array_agg(a.attname::text order by a.attnum)
from pg_class as c
inner join pg_attribute as a on a.attrelid = c.oid
where c.relnamespace = pg_my_temp_schema() and c.relname like 'old\\_%' and a.attnum > 0
group by c.relname
order by c.relname
"""
# What a row of ours has to fulfil: all of it is told by the catalog, so no rule is forgotten.
_RULES: LiteralString = """
select regexp_replace(pg_get_constraintdef(c.oid), '^CHECK ', '') as rule
from pg_constraint as c
where c.conrelid = %(table)s::regclass and c.contype = 'c'
union all
select format('(%%I is not null)', a.attname)
from pg_attribute as a
where a.attrelid = %(table)s::regclass and a.attnum > 0 and a.attnotnull and a.attgenerated = ''
order by 1
"""
_COLUMNS: LiteralString = """
select
  array_agg(a.attname::text order by a.attnum) filter (where a.attgenerated = ''),
  array_agg(a.attname::text order by array_position(i.indkey::smallint[], a.attnum))
    filter (where a.attnum = any((i.indkey::smallint[])[0:i.indnkeyatts - 1]))
from pg_attribute as a
inner join pg_index as i on i.indrelid = a.attrelid and i.indisprimary
where a.attrelid = %s::regclass and a.attnum > 0 and not a.attisdropped
"""


@dataclass(slots=True)
class Table:
    """What becomes of the rows of one table.

    `foreign`: those of other shards. `left_out`: how many, by reason. `broken`: those that our rules refuse, in words.
    """

    name: str
    found: int = 0
    foreign: int = 0
    taken: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    broken_rows: int = 0
    broken: list[str] = field(default_factory=list)

    @property
    def is_accounted_for(self) -> bool:
        """Is each row that was read taken over, or left out for a reason?"""
        return self.found == self.taken + self.foreign + sum(self.left_out.values()) + self.broken_rows

    @property
    def is_obstacle(self) -> bool:
        return bool(self.broken) and self.name in VITAL


def script(kind: Kind, name: LiteralString) -> bytes:
    """One of the scripts of a kind."""
    return (files("sql") / "takeover" / kind / f"{name}.sql").read_bytes()


def prepare(ours: Connection, kind: Kind) -> None:
    """Makes the temporary tables that take in what is read, and those for what it will be."""
    ours.execute("create temporary table left_out (table_name text, reason text, row_count bigint) on commit drop")
    ours.execute(script(kind, "1_read"))
    for name in TARGETS[kind]:
        _make_empty(ours, kind, name)


def read(ours: Connection, old: OldDatabase, *, is_locked: bool) -> dict[str, int]:
    """Copies what is needed of the old database into temporary tables; returns how many rows, by table.

    `is_locked`: nobody may write there until the transaction of the old connection ends. Raises NoOldDatabase when a
    table or column is not there, and psycopg.errors.LockNotAvailable.
    """
    wanted: dict[str, list[str]] = {}
    for table, columns in ours.execute(_STAGED).fetchall():
        if not _has(old, table, None):
            continue
        wanted[table] = [column for column in columns if _has(old, table, column)]
        missing = [column for column in wanted[table] if column not in old.columns.get(table, ())]
        if missing:
            raise NoOldDatabase(
                f"the table {old.schema}.{table} lacks {', '.join(missing)}, which release {old.release} has: it is "
                "not as that release left it"
            )
    if is_locked:
        old.lock(sorted(wanted))
    counts = {}
    for table, columns in wanted.items():
        counts[table] = pipe(old.connection, old.table(table), ours, f"old_{table}", columns)
        ours.execute(names.SQL("analyze {}").format(names.Identifier("pg_temp", f"old_{table}")))
    return counts


def _has(old: OldDatabase, table: str, column: str | None) -> bool:
    return _ONLY_IN.get((table, column), old.release) == old.release


def pipe(source: Connection, table: names.Composable, target: Connection, temporary: str, columns: list[str]) -> int:
    """Copies columns of a table into a temporary one, block by block; returns how many rows.

    As text: types need not be the same on both sides.
    """
    listed = names.SQL(", ").join(map(names.Identifier, columns))
    out = names.SQL("copy (select {} from {}) to stdout").format(listed, table)
    into = names.SQL("copy {} ({}) from stdin").format(names.Identifier("pg_temp", temporary), listed)
    with source.cursor() as reader, target.cursor() as writer:
        with writer.copy(into) as rows_in:
            block = bytearray()
            with reader.copy(out) as rows_out:
                for piece in rows_out:
                    block += piece
                    if len(block) >= _BLOCK:
                        rows_in.write(bytes(block))
                        block.clear()
            rows_in.write(bytes(block))
        return writer.rowcount


def map_rows(ours: Connection, old: OldDatabase, counts: Mapping[str, int]) -> list[Table]:
    """Makes our rows of those that were read, and compares them with our rules. Our tables stay as they are."""
    kind = old.kind
    ours.execute("select set_config('swpt.old_release', %s, true)", (old.release,))
    ours.execute(script(kind, "2_map"))
    reasons = ours.execute("select table_name, reason, row_count from pg_temp.left_out where row_count > 0").fetchall()
    tables = []
    for name in TARGETS[kind]:
        table = Table(name, found=counts.get(SOURCES.get(name, name), 0))
        table.left_out = {reason: count for of, reason, count in reasons if of == name}
        if kind == "worker":
            table.foreign = _drop_foreign(ours, name)
        new = names.Identifier("pg_temp", f"new_{name}")
        before = _count(ours, new)
        table.broken = _drop_broken(ours, kind, name)
        table.taken = _count(ours, new)
        table.broken_rows = before - table.taken
        tables.append(table)
    return tables


def _make_empty(ours: Connection, kind: Kind, name: str) -> None:
    new = names.Identifier("pg_temp", f"new_{name}")
    ours.execute(
        names.SQL("create temporary table {} (like {} including defaults including generated) on commit drop").format(
            names.Identifier(f"new_{name}"), names.Identifier(kind, name)
        )
    )
    # What is missing is told with everything else that is wrong.
    columns = ours.execute(
        "select attname::text from pg_attribute where attrelid = %s::regclass and attnum > 0 and attnotnull"
        " and attidentity = ''",
        (f"pg_temp.new_{name}",),
    ).fetchall()
    for (column,) in columns:
        ours.execute(names.SQL("alter table {} alter column {} drop not null").format(new, names.Identifier(column)))


def _drop_foreign(ours: Connection, name: str) -> int:
    """Forgets what belongs to other shards: a split leaves such rows behind. Returns how many."""
    if name == "worker_turn":
        return 0
    query = names.SQL("delete from {} as n where not worker.in_realm(n.key_hash)")
    return ours.execute(query.format(names.Identifier("pg_temp", f"new_{name}"))).rowcount


def _drop_broken(ours: Connection, kind: Kind, name: str) -> list[str]:
    """Forgets what our rules refuse; returns what that is, in words: some rows for each rule."""
    new = names.Identifier("pg_temp", f"new_{name}")
    _, key = _columns(ours, kind, name)
    listed = names.SQL(", ").join(names.Identifier("n", column) for column in key)
    told = []
    for (rule,) in ours.execute(_RULES, {"table": f"{kind}.{name}"}).fetchall():
        # The rule is an expression of the catalog.
        condition = names.SQL("not {}").format(names.SQL(rule))
        if examples := _drop(ours, new, listed, key, condition):
            told.append(f"{examples}: against the rule {rule}")
    doubled = names.SQL("({}) in (select {} from {} as n group by {} having count(*) > 1)")
    if examples := _drop(ours, new, listed, key, doubled.format(listed, listed, new, listed)):
        told.append(f"{examples}: there twice")
    return told


def _drop(
    ours: Connection, table: names.Composable, listed: names.Composable, key: list[str], condition: names.Composable
) -> str | None:
    """Forgets rows; returns in words how many, and the keys of the first ones."""
    gone = names.SQL(
        "with gone as (delete from {} as n where {} returning {}) select count(*) over (), n.* from gone as n limit {}"
    )
    rows = ours.execute(gone.format(table, condition, listed, names.Literal(_MOST_EXAMPLES))).fetchall()
    if not rows:
        return None
    examples = ", ".join("/".join(map(str, row[1:])) for row in rows)
    return f"{rows[0][0]} rows ({'/'.join(key)}: {examples}{', …' if rows[0][0] > len(rows) else ''})"


def write(ours: Connection, kind: Kind) -> None:
    """Writes all rows that were mapped to our tables."""
    for name in TARGETS[kind]:
        columns, _ = _columns(ours, kind, name)
        listed = names.SQL(", ").join(map(names.Identifier, columns))
        ours.execute(
            names.SQL("insert into {} ({}) select {} from {}").format(
                names.Identifier(kind, name), listed, listed, names.Identifier("pg_temp", f"new_{name}")
            )
        )
        ours.execute(names.SQL("analyze {}").format(names.Identifier(kind, name)))


def _columns(ours: Connection, kind: Kind, name: str) -> tuple[list[str], list[str]]:
    """Columns that can be written, and those of the key."""
    row = ours.execute(_COLUMNS, (f"{kind}.{name}",)).fetchone()
    assert row is not None
    return row[0], row[1]


def filled_tables(ours: Connection, kind: Kind) -> list[str]:
    """Our tables that are to be filled and are not empty."""
    found = []
    for name in TARGETS[kind]:
        query = names.SQL("select exists (select from {})").format(names.Identifier(kind, name))
        if ours.execute(query).fetchone() == (True,):
            found.append(name)
    return found


def counts_of(ours: Connection, kind: Kind) -> dict[str, int]:
    """Rows of our tables that are filled, by table."""
    return {name: _count(ours, names.Identifier(kind, name)) for name in TARGETS[kind]}


def _count(ours: Connection, table: names.Composable) -> int:
    row = ours.execute(names.SQL("select count(*) from {}").format(table)).fetchone()
    assert row is not None
    return int(row[0])

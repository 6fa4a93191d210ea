"""Plays message histories through the real lanes of a worker database, and shows what they lead to."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bridge.messages import codec
from bridge.wire.sharding import hash32, lane_of
from tests.conftest import Connection

LANE_COUNT = 8

Body = dict[str, Any]
Outcome = dict[str, list[Any]]
# Number of the step, lane, and messages that a handler got at once.
Call = tuple[int, int, Sequence[Body]]

_NOT_STATE = ("configuration", "applied_file", "meta")


@dataclass(frozen=True)
class Message:
    """A wire message and the lane its sharding key belongs to."""

    body: str
    lane: int
    text: str = field(compare=False)

    def __repr__(self) -> str:
        return self.text


def wire(body: Body, shown: Iterable[str] | None = None) -> Message:
    """Checks a message as the inbound bridge does. Raises ValueError when the bridge would refuse it.

    `shown`: the fields worth reading when a test fails; by default all.
    """
    fields = dict(body)
    type_ = fields.pop("type")
    struct = codec.build(type_, fields)
    checked = codec.Message(type_, struct.sharding_key, struct)
    names = [name for name in body if name not in ("type", "ts")] if shown is None else shown
    text = " ".join(f"{name}={body[name]!r}" for name in names)
    return Message(
        checked.inbox_json().decode(),
        lane_of(hash32(checked.key), LANE_COUNT),
        f"{type_}({text})",
    )


def again(body: Body, lane: int) -> Message:
    """A message that has been in the database."""
    return Message(json.dumps(body), lane, str(body))


@dataclass(frozen=True)
class Step:
    """One thing that happens to a shard: `kind` is known to property.play, `fields` are its arguments."""

    kind: str
    fields: dict[str, Any] = field(default_factory=dict)
    messages: tuple[Message, ...] = ()

    def json(self) -> str:
        values = {"kind": self.kind, **self.fields}
        if self.kind != "deliver":
            return json.dumps(values)
        messages = ",".join(f'{{"lane":{m.lane},"body":{m.body}}}' for m in self.messages)
        return f'{{"kind":"deliver","messages":[{messages}]}}'

    def lines(self) -> Iterator[str]:
        if self.kind == "deliver":
            yield f"deliver in one batch ({len(self.messages)}):" if len(self.messages) > 1 else "deliver:"
            yield from (f"  lane {m.lane}: {m}" for m in self.messages)
        elif self.kind == "rows":
            yield from (f"row of {self.fields['table']}: {json.dumps(row)}" for row in self.fields["rows"])
        else:
            yield " ".join([self.kind, *(str(value) for value in self.fields.values())])


def deliver(messages: Iterable[Message]) -> Step:
    return Step("deliver", messages=tuple(messages))


def rows(table: str, *rows_: dict[str, Any]) -> Step:
    return Step("rows", {"table": table, "rows": list(rows_)})


def clock(now: str) -> Step:
    return Step("clock", {"now": now})


class History(tuple[Step, ...]):
    """Steps in order. Shown line by line, so that a failure can be read."""

    def __repr__(self) -> str:
        return "\n".join(["", *(f"  {line}" for step in self for line in step.lines())])


@dataclass(frozen=True)
class Played:
    """What a history led to, and how.

    `outcome`: rows of all tables and queues by name. `arrivals`: number of the step, lane, message.
    """

    outcome: Outcome
    arrivals: list[tuple[int, int, Body]]
    calls: list[Call]


class Shard:
    """A worker database with the test equipment of harness.sql. Every history starts from the same empty state."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        with connection.transaction():
            connection.execute(Path(__file__).with_name("harness.sql").read_bytes())
            connection.execute(_outcome_function(connection))
        connection.execute("set client_min_messages = error")
        connection.execute("set timezone = 'UTC'")

    def play(self, history: Iterable[Step]) -> Played:
        """Plays a history in a transaction that is rolled back."""
        steps = "[" + ",".join(step.json() for step in history) + "]"
        with self._connection.transaction(force_rollback=True):
            row = self._connection.execute("select property.play(%s::jsonb)", (steps,), prepare=True).fetchone()
        assert row is not None
        played = row[0]
        return Played(played["outcome"] or {}, played["arrivals"] or [], played["calls"] or [])


def _outcome_function(connection: Connection) -> bytes:
    """Makes property.outcome(): all rows of the shard, without IDs that only tell the order of insertion."""
    tables = connection.execute(
        """
        select n.nspname, c.relname
        from pg_class as c
        join pg_namespace as n on n.oid = c.relnamespace
        where c.relkind = 'r'
          and (n.nspname in ('worker', 'outbox') or n.nspname = 'pgmq' and c.relname ~ '^q_')
          and not (n.nspname = 'worker' and c.relname = any(%s))
        order by 1, 2
        """,
        (list(_NOT_STATE),),
    ).fetchall()
    parts = []
    for schema, table in tables:
        shown = "message" if schema == "pgmq" else "to_jsonb(t) - '{key_hash,outbox_id,set_aside_id}'::text[]"
        query = f"select {shown} as r from {schema}.{table} as t"
        parts.append(f"select '{table}' as name, (select jsonb_agg(x.r order by x.r) from ({query}) as x) as rows")
    union = " union all ".join(parts)
    return f"""
        create function property.outcome() returns jsonb language plpgsql as $$
        begin
          return (select jsonb_object_agg(o.name, o.rows) filter (where o.rows is not null) from ({union}) as o);
        end
        $$
    """.encode()


def differences(left: Outcome, right: Outcome) -> str:
    """What only one of two outcomes has, line by line; empty if they are equal."""
    lines = []
    for name in sorted(left.keys() | right.keys()):
        a, b = (Counter(json.dumps(row, sort_keys=True) for row in o.get(name, [])) for o in (left, right))
        lines += [f"  only the first: {name} {row}" for row in (a - b).elements()]
        lines += [f"  only the second: {name} {row}" for row in (b - a).elements()]
    return "\n".join(lines)

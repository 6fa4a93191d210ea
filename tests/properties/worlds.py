"""Names and rows that the histories of all concerns share: few of each, so that messages meet."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from tests.properties.harness import LANE_COUNT, History, Message, Step, clock, deliver, rows, wire
from tests.sql.messages import message

NOW = datetime.fromisoformat("2026-03-20T12:00:00+00:00")
STARTED = NOW - timedelta(days=3)
DEADLINE = STARTED + timedelta(days=30)
START = (clock(NOW.isoformat()), Step("publish"))
DEBTORS = (666, 777)
COLLECTORS = (0x10000000000, 0x10000000001)
CUSTOMERS = (0x10100000011, 0x10100000012)
TURNS = (1, 2)


def moment(**ago: float) -> str:
    """A moment before NOW, for example moment(hours=2)."""
    return (NOW - timedelta(**ago)).isoformat()


def variants(type_: str, **choices: Sequence[Any]) -> list[Message]:
    """All messages of a type that combine the given values of its fields."""
    combinations = itertools.product(*choices.values())
    return [wire(message(type_, **dict(zip(choices, values, strict=True))), choices) for values in combinations]


def one_of_each(pools: Mapping[str, Sequence[Message]]) -> st.SearchStrategy[Message]:
    """Any message of the pools; every pool as often as the others."""
    return st.sampled_from(sorted(pools)).flatmap(lambda name: st.sampled_from(pools[name]))


def any_of(row: dict[str, Any], **choices: Sequence[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A row with some columns chosen."""
    return st.fixed_dictionaries({name: st.sampled_from(values) for name, values in choices.items()}).map(
        lambda chosen: {**row, **chosen}
    )


def maybe_rows(table: str, candidates: Sequence[st.SearchStrategy[dict[str, Any]]]) -> st.SearchStrategy[list[Step]]:
    """Steps that insert some of the candidates."""
    return st.tuples(*(st.none() | candidate for candidate in candidates)).map(
        lambda chosen: [rows(table, row) for row in chosen if row is not None]
    )


@st.composite
def in_batches(
    draw: st.DrawFn,
    world: st.SearchStrategy[list[Step]],
    messages: st.SearchStrategy[Message],
    moves: Sequence[Step] = (),
    most_batches: int = 4,
) -> History:
    """Histories: a world, then batches of messages, with other steps between them. Nothing is delivered inside."""
    batch = st.lists(messages, min_size=1, max_size=7).map(deliver)
    step = batch | st.sampled_from(moves) if moves else batch
    steps = draw(st.lists(step, min_size=1, max_size=most_batches))
    return History([*START, *draw(world), *steps])


def turn_rows(turn_id: int, phase: int, subphase: int) -> list[Step]:
    """A worker turn; from sub-phase 3/5 on its results are known in all lanes."""
    turn = {
        "turn_id": turn_id,
        "started_at": (STARTED - timedelta(hours=2)).isoformat(),
        "base_debtor_info_locator": "https://example.com/101",
        "base_debtor_id": 101,
        "max_distance_to_base": 10,
        "min_trade_amount": 1000,
        "phase": phase,
        "phase_deadline": moment(hours=-1) if phase < 3 else None,
        "collection_started_at": STARTED.isoformat() if phase == 3 else None,
        "collection_deadline": DEADLINE.isoformat(),
        "worker_turn_subphase": subphase,
    }
    steps = [rows("worker_turn", turn)]
    if phase == 3 and subphase >= 5:
        lanes = [{"turn_id": turn_id, "phase": 3, "subphase": 0, "lane": lane} for lane in range(LANE_COUNT)]
        steps.append(rows("worker_turn_lane", *lanes))
    return steps


def account_row(collector_id: int, debtor_id: int, interest_rate: float, **columns: Any) -> dict[str, Any]:
    """A collector's account, as its authority reported it."""
    return {
        "creditor_id": collector_id,
        "debtor_id": debtor_id,
        "creation_date": "2026-01-01",
        "last_change_ts": moment(days=9),
        "last_change_seqnum": 1,
        "principal": 0,
        "interest": 0.0,
        "interest_rate": interest_rate,
        "last_interest_rate_change_ts": moment(days=100),
        "last_config_ts": moment(days=90),
        "config_flags": 0,
        "negligible_amount": 1e30,
        "account_id": "collector-account",
        "debtor_info_iri": "https://example.com/iri",
        "last_transfer_number": 0,
        "last_transfer_committed_at": moment(days=100),
        "demurrage_rate": -50.0,
        "commit_period": 2592000,
        "transfer_note_max_bytes": 500,
        "last_heartbeat_ts": moment(days=9),
        **columns,
    }

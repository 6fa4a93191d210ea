"""The solver's registry of shards: who is there, who took whose place, and what is wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import Connection
from tests.covering import covers
from tests.sql.turns.rows import rows, stop_clock, value

NOON = "2026-03-01T12:00:00Z"
BITS = st.text("01", max_size=16)


def key_of(bits: str) -> str:
    return "".join(f"{bit}." for bit in bits) + "#"


def report(
    solver: Connection,
    key: str,
    at: str = NOON,
    *,
    place: tuple[int, int, int] = (7, 1, 16384),
    limits: tuple[int, int] = (1, 9),
    clock: float = 0.0,
) -> None:
    stop_clock(solver, at)
    solver.execute(
        "select solver.report_shard(%s, %s, %s, %s::bigint, '1.2.3', %s, %s, %s)", (key, *place, *limits, clock)
    )


def problems(solver: Connection) -> list[tuple[str, str]]:
    return rows(solver, "select problem, binding_key from solver.shard_problems()")  # type: ignore[return-value]


def alive(solver: Connection) -> list[str]:
    return [key for (key,) in rows(solver, "select binding_key from solver.list_shards()")]


@covers("G47")
def test_nobody_who_reports_is_no_problem(solver_db: Connection) -> None:
    assert problems(solver_db) == []
    assert {count for _, count in rows(solver_db, "select * from solver.count_shard_problems()")} == {0}


@covers("G47")
@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (["#"], []),
        (["0.#", "1.#"], []),
        (["0.#", "1.0.#", "1.1.#"], []),
        (["0.#"], [("missing", "1.#")]),
        (["0.0.1.#"], [("missing", "0.0.0.#"), ("missing", "0.1.#"), ("missing", "1.#")]),
    ],
)
def test_keys_that_nobody_works_for_are_told(solver_db: Connection, keys: list[str], expected: list[object]) -> None:
    for key in keys:
        report(solver_db, key)
    assert problems(solver_db) == expected


@covers("G47")
def test_a_split_retires_the_parent(solver_db: Connection) -> None:
    report(solver_db, "0.#")
    report(solver_db, "1.#", place=(7, 1, 2))
    report(solver_db, "0.0.#", "2026-03-01T12:01:00Z", place=(7, 1, 3))
    assert problems(solver_db) == [("missing", "0.1.#")]
    report(solver_db, "0.1.#", "2026-03-01T12:02:00Z", place=(7, 1, 4))
    assert alive(solver_db) == ["0.0.#", "0.1.#", "1.#"]
    assert problems(solver_db) == []


@covers("G47")
def test_a_parent_that_goes_on_is_a_problem(solver_db: Connection) -> None:
    """Whoever reports next does not hide it; an hour of silence ends it."""
    report(solver_db, "#")
    report(solver_db, "0.#", "2026-03-01T12:01:00Z", place=(7, 1, 3))
    for minute in ("02", "03"):
        report(solver_db, "#", f"2026-03-01T12:{minute}:00Z")
        report(solver_db, "0.#", f"2026-03-01T12:{minute}:30Z", place=(7, 1, 3))
        assert ("overlapping", "0.#") in problems(solver_db)
    report(solver_db, "0.#", "2026-03-01T13:04:00Z", place=(7, 1, 3))
    assert alive(solver_db) == ["0.#"]


@covers("G47")
@pytest.mark.parametrize("copy", [(7, 2, 16384), (7, 1, 16999), (8, 1, 16384)], ids=["promoted", "copied", "restored"])
def test_two_databases_with_one_key_are_a_problem(solver_db: Connection, copy: tuple[int, int, int]) -> None:
    """One after the other is a restore; side by side is a mistake."""
    report(solver_db, "#")
    report(solver_db, "#", "2026-03-01T12:01:00Z", place=copy)
    assert problems(solver_db) == []
    report(solver_db, "#", "2026-03-01T12:02:00Z")
    report(solver_db, "#", "2026-03-01T12:02:01Z", place=copy)
    assert problems(solver_db) == [("doubled", "#")]
    assert ("doubled", 1) in rows(solver_db, "select * from solver.count_shard_problems()")
    report(solver_db, "#", "2026-03-01T13:03:00Z", place=copy)
    assert problems(solver_db) == []


@covers("G47")
def test_silence_and_differing_ranges_and_clocks_are_problems(solver_db: Connection) -> None:
    report(solver_db, "0.#", "2026-03-01T11:00:00Z", clock=-5.5)
    report(solver_db, "1.#", NOON, limits=(1, 10), clock=5.0)
    assert problems(solver_db) == [("clock", "0.#"), ("range", "0.#"), ("range", "1.#")]
    stop_clock(solver_db, "2026-03-01T12:00:01Z")
    assert ("silent", "0.#") in problems(solver_db)


@covers("G47")
def test_an_installation_is_made_once_for_ever(solver_db: Connection) -> None:
    assert value(solver_db, "select solver.installation_id()") is None
    made = value(solver_db, "select solver.make_installation()")
    assert value(solver_db, "select solver.make_installation()") == made
    assert value(solver_db, "select solver.installation_id()") == made


@covers("G47")
@given(upper=BITS, lower=BITS)
def test_a_key_is_above_another_if_its_bits_begin_it(module_solver: Connection, upper: str, lower: str) -> None:
    above = value(module_solver, "select solver.is_key_above(%s, %s)", key_of(upper), key_of(lower))
    assert above == (lower.startswith(upper) and lower != upper)


@covers("G47")
@given(parent=BITS, child=BITS)
def test_children_have_one_bit_more(module_worker: Connection, parent: str, child: str) -> None:
    is_child = value(module_worker, "select worker.is_child_key(%s, %s)", key_of(parent), key_of(child))
    assert is_child == (child.startswith(parent) and len(child) == len(parent) + 1)
    for bit in "01":
        assert value(module_worker, "select worker.is_child_key(%s, %s)", key_of(parent), key_of(parent + bit))


@covers("G47")
@given(keys=st.sets(st.text("01", max_size=4), min_size=1, max_size=6))
def test_missing_keys_fill_the_gaps_exactly(module_solver: Connection, keys: set[str]) -> None:
    module_solver.execute("delete from solver.shard")
    for number, bits in enumerate(sorted(keys, key=len, reverse=True)):
        report(module_solver, key_of(bits), place=(7, 1, number))
    missing = [key.replace(".", "")[:-1] for (key,) in rows(module_solver, "select * from solver.missing_keys()")]
    for number in range(16):
        leaf = f"{number:04b}"
        is_covered = any(leaf.startswith(bits) for bits in keys)
        assert sum(leaf.startswith(bits) for bits in missing) == (0 if is_covered else 1)

"""docs/scaling.md says what the slopes say."""

from __future__ import annotations

import pytest

from benchmarks.sizing import ASSUMED, DOCUMENT, MEASURED, SIZES, needs_of, needs_table, written


def test_the_tables_of_the_document_are_those_of_the_slopes() -> None:
    text = DOCUMENT.read_text()
    assert written(text) == text, "run python -m benchmarks.sizing --write"


def test_every_slope_names_its_command_and_no_assumption_does() -> None:
    assert all(slope.command and slope.value > 0 for slope in MEASURED.values())
    assert not any(slope.command for slope in ASSUMED.values())
    assert not MEASURED.keys() & ASSUMED.keys()


def test_ten_times_the_accounts_need_about_ten_times_as_much() -> None:
    one, ten = needs_of(100_000_000), needs_of(1_000_000_000)
    assert ten.messages == pytest.approx(10 * one.messages)
    assert ten.solver_memory == pytest.approx(10 * one.solver_memory)
    assert 4 * one.shards <= ten.shards <= 16 * one.shards
    assert ten.solver_parts > one.solver_parts
    assert 5 * one.dollars < ten.dollars < 15 * one.dollars
    # A shard is a power of two of the keys.
    assert all(needs_of(size).shards.bit_count() == 1 for size in SIZES)


def test_a_small_installation_is_one_of_everything() -> None:
    small = needs_of(10_000)
    assert (small.shards, small.broker_clusters, small.solver_parts) == (1, 1, 1)
    assert "10,000" in needs_table([10_000])


def test_a_document_without_a_place_is_refused() -> None:
    with pytest.raises(ValueError, match="no place for the table"):
        written("# Sizes\n")

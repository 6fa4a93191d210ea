"""The archive of turns in the solver's database: written anew, read in parts, deleted in sets, and not missed."""

from __future__ import annotations

import psycopg
import pytest

from tests.sql.turns.rows import Connection, insert_turn, rows, value


def archive(solver: Connection, turn_id: int, *names: str) -> None:
    """Files of two parts each."""
    started_at = value(solver, "select solver.begin_archive(%s)", turn_id)
    for name in names:
        for part in (0, 1):
            value(
                solver, "select solver.archive_part(%s, %s, %s, %s, %s, null)", turn_id, started_at, name, part, b"xyz"
            )


def test_an_archive_is_read_in_parts(solver_db: Connection) -> None:
    insert_turn(solver_db, 3, 7)
    archive(solver_db, 7, "meta.json", "buy_offers.parquet")
    started_at = value(solver_db, "select solver.archived_turn(7)")
    assert started_at == value(solver_db, "select started_at from solver.turn")
    assert rows(solver_db, "select * from solver.archived_turns()") == [(7, started_at, 12)]
    assert rows(solver_db, "select * from solver.archived_files(7, %s)", started_at) == [
        ("buy_offers.parquet", 2, 6, False),
        ("meta.json", 2, 6, False),
    ]
    for part, body in ((0, b"xyz"), (1, b"xyz"), (2, None)):
        assert value(solver_db, "select solver.archived_part(7, %s, 'meta.json', %s)", started_at, part) == body
    assert value(solver_db, "select solver.archived_turn(8)") is None


def test_parts_that_are_sorted_by_id_say_where_they_begin(solver_db: Connection) -> None:
    insert_turn(solver_db, 3, 7)
    archive(solver_db, 7, "meta.json")
    started_at = value(solver_db, "select started_at from solver.turn")
    for part, first_id in ((0, -5), (1, 3)):
        value(solver_db, "select solver.archive_part(7, %s, 'offers.parquet', %s, 'x', %s)", started_at, part, first_id)
    first_ids = "select * from solver.archived_first_ids(7, %s, %s)"
    assert rows(solver_db, first_ids, started_at, "offers.parquet") == [(0, -5), (1, 3)]
    assert rows(solver_db, first_ids, started_at, "meta.json") == []
    files = rows(solver_db, "select name, is_sorted from solver.archived_files(7, %s)", started_at)
    assert files == [("meta.json", False), ("offers.parquet", True)]


def test_a_turn_that_is_archived_again_has_only_the_new_archive(solver_db: Connection) -> None:
    insert_turn(solver_db, 3, 7)
    archive(solver_db, 7, "meta.json", "report.json")
    archive(solver_db, 7, "meta.json")
    assert rows(solver_db, "select distinct name from solver.turn_archive") == [("meta.json",)]


def test_another_turn_with_the_same_id_has_not_its_archive(solver_db: Connection) -> None:
    """IDs come again when the database has stepped back, and turns are forgotten before their archives."""
    insert_turn(solver_db, 3, 7)
    archive(solver_db, 7, "meta.json")
    solver_db.execute("update solver.turn set started_at = started_at + interval '1 day'")
    assert value(solver_db, "select solver.archived_turn(7)") is None
    solver_db.execute("delete from solver.turn")
    assert value(solver_db, "select solver.archived_turn(7)") is not None


def test_nothing_is_archived_of_a_turn_that_is_not_known(solver_db: Connection) -> None:
    assert value(solver_db, "select solver.begin_archive(7)") is None


def test_old_archives_are_deleted_in_sets(solver_db: Connection) -> None:
    for turn_id in range(1, 8):
        insert_turn(solver_db, 4, turn_id)
        archive(solver_db, turn_id, "meta.json", "report.json")
    assert value(solver_db, "select solver.delete_old_archives(3, 2)") == 2
    assert value(solver_db, "select solver.delete_old_archives(3, 100)") == 2
    assert value(solver_db, "select solver.delete_old_archives(3, 100)") == 0
    left = "select turn_id, count(*) from solver.turn_archive group by turn_id order by turn_id"
    assert rows(solver_db, left) == [(5, 4), (6, 4), (7, 4)]
    assert value(solver_db, "select solver.delete_old_archives(0, 100)") == 3


@pytest.mark.parametrize(
    ("name", "body"), [("../meta.json", b""), ("Meta.json", b""), ("meta.exe", b""), ("meta.json", bytes(2**23 + 1))]
)
def test_odd_names_and_large_parts_are_refused(solver_db: Connection, name: str, body: bytes) -> None:
    insert_turn(solver_db, 3, 7)
    with pytest.raises(psycopg.errors.CheckViolation):
        solver_db.execute("select solver.archive_part(7, solver.now(), %s, 0, %b, null)", (name, body))


def test_what_was_found_out_later_is_kept_once_and_beside_an_archive_only(solver_db: Connection) -> None:
    insert_turn(solver_db, 3, 7)
    started_at = value(solver_db, "select started_at from solver.turn")
    keep = "select solver.keep_beside_archive(7, %s, %s, %s)"
    assert value(solver_db, keep, started_at, "what_would_help.parquet", b"early") is False
    archive(solver_db, 7, "meta.json")
    assert value(solver_db, keep, started_at, "takings.parquet", b"forged") is False
    assert value(solver_db, keep, started_at, "what_would_help.parquet", b"first") is True
    assert value(solver_db, keep, started_at, "what_would_help.parquet", b"second") is False
    part = "select solver.archived_part(7, %s, 'what_would_help.parquet', 0)"
    assert value(solver_db, part, started_at) == b"first"


def test_without_the_table_nothing_is_archived_and_nothing_fails(solver_db: Connection) -> None:
    insert_turn(solver_db, 3, 7)
    archive(solver_db, 7, "meta.json")
    solver_db.execute("drop table solver.turn_archive")
    assert value(solver_db, "select solver.keeps_archive()") is False
    assert value(solver_db, "select solver.begin_archive(7)") is None
    assert value(solver_db, "select solver.delete_old_archives(1, 100)") == 0
    assert value(solver_db, "select solver.archived_turn(7)") is None
    assert rows(solver_db, "select * from solver.archived_turns()") == []
    assert rows(solver_db, "select * from solver.archived_files(7, solver.now())") == []
    assert value(solver_db, "select solver.archived_part(7, solver.now(), 'meta.json', 0)") is None
    assert (
        value(solver_db, "select solver.keep_beside_archive(7, solver.now(), 'what_would_help.parquet', '')") is False
    )
    assert rows(solver_db, "select * from solver.archived_first_ids(7, solver.now(), 'sell_offers.parquet')") == []

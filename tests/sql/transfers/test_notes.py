"""Transfer notes: what is written, what is read back, and what is refused."""

from __future__ import annotations

import pytest

from tests.conftest import Connection
from tests.covering import covers
from tests.sql.transfers.rows import MAX64, MIN64, rows

WRITTEN = [
    (5, "collecting", 1099511627776, 4294967306, "Trading session: 5\nBuyer: 10000000000\nSeller: 10000000a\n"),
    (5, "sending", 1099511627776, 1099511627777, "Trading session: 5\nFrom: 10000000000\nTo: 10000000001\n"),
    (16, "dispatching", 1099511627777, -1, "Trading session: 16\nSeller: 10000000001\nBuyer: ffffffffffffffff\n"),
    (
        -1,
        "dispatching",
        MIN64,
        -123,
        "Trading session: 4294967295\nSeller: 8000000000000000\nBuyer: ffffffffffffff85\n",
    ),
    (2147483647, "sending", 0, MAX64, "Trading session: 2147483647\nFrom: 0\nTo: 7fffffffffffffff\n"),
    (-2147483648, "collecting", 1, 2, "Trading session: 2147483648\nBuyer: 1\nSeller: 2\n"),
]


def write(db: Connection, kind: str, turn_id: int, first: int, second: int) -> str:
    return str(rows(db, "select worker.transfer_note(%s, %s, %s, %s)", kind, turn_id, first, second)[0][0])


def read(db: Connection, note: str) -> tuple[str, int, int, int] | None:
    found = rows(db, "select kind, turn_id, first_id, second_id from worker.parse_transfer_note(%s)", note)
    assert len(found) <= 1
    return (found[0][0], found[0][1], found[0][2], found[0][3]) if found else None


@pytest.mark.parametrize(("turn_id", "kind", "first", "second", "note"), WRITTEN)
def test_what_is_written_in_a_note_can_be_read(
    db: Connection, turn_id: int, kind: str, first: int, second: int, note: str
) -> None:
    assert write(db, kind, turn_id, first, second) == note
    assert read(db, note) == (kind, turn_id, first, second)
    assert len(note.encode()) <= 77


@covers("V7.17")
def test_a_note_names_turn_seller_and_buyer(db: Connection) -> None:
    note = write(db, "dispatching", 7, 0x10000000001, 0x1000000C8)
    assert note == "Trading session: 7\nSeller: 10000000001\nBuyer: 1000000c8\n"


@covers("V14.2", "N1.4")
def test_a_note_about_a_surplus_names_payer_and_payee(db: Connection) -> None:
    written = write(db, "moving", 7, 0x10000000001, 0x100FFFFFFFF)
    assert written == "Trading session: 7\nSurplus: 10000000001\nTo: 100ffffffff\n"
    assert read(db, written) == ("moving", 7, 0x10000000001, 0x100FFFFFFFF)
    assert len(write(db, "moving", -1, MIN64, -1).encode()) <= 75


@covers("V14.3")
@pytest.mark.parametrize(
    ("labels", "last", "kind"),
    [("Surplus Buyer", "\n", None), ("To Surplus", "\n", None), ("Surplus To", "", "moving")],
)
def test_labels_of_a_surplus_belong_together(db: Connection, labels: str, last: str, kind: str | None) -> None:
    first, second = labels.split()
    found = read(db, f"Trading session: 7\n{first}: 1\n{second}: 2{last}")
    assert (found and found[0]) == kind


@covers("V7.18")
def test_negative_numbers_are_written_as_unsigned_ones(db: Connection) -> None:
    note = write(db, "collecting", -1, -1, 1)
    assert note == "Trading session: 4294967295\nBuyer: ffffffffffffffff\nSeller: 1\n"


@pytest.mark.parametrize(
    "note",
    [
        "Trading session: 7\r\nFrom: 1A\r\nTo: 2B\r\n",
        "Trading session: 7\nFrom: 1a\r\nTo: 2b\n",
        "Trading session: 7\nFrom: 1a\nTo: 2b",
        "Trading session: 0000000000000007\nFrom: 000000000000001a\nTo: 000000000000002b\n",
    ],
)
def test_notes_in_other_forms_are_accepted(db: Connection, note: str) -> None:
    assert read(db, note) == ("sending", 7, 0x1A, 0x2B)


@covers("V7.19")
@pytest.mark.parametrize(
    "note",
    [
        "Trading session: 1\nTo: 1\nFrom: 2\n",
        "Trading session: -1\nFrom: 1\nTo: 2\n",
        "Trading session: a\nFrom: 1\nTo: 2\n",
    ],
)
def test_other_notes_are_not_understood(db: Connection, note: str) -> None:
    assert read(db, note) is None


@covers("M19")
@pytest.mark.parametrize(
    "note",
    [
        "",
        "Trading session: 1a\nFrom: 1\nTo: 2\n",
        "Trading session: 4294967296\nFrom: 1\nTo: 2\n",
        "Trading session: 9999999999999999\nFrom: 1\nTo: 2\n",
        "Trading session: 00000000000000001\nFrom: 1\nTo: 2\n",
        "Trading session: \nFrom: 1\nTo: 2\n",
        "Trading session: 1\nBuyer: 1\nBuyer: 2\n",
        "Trading session: 1\nSeller: 1\nTo: 2\n",
        "Trading session: 1\nFrom: 1\nSeller: 2\n",
        "Trading session: 1\nfrom: 1\nto: 2\n",
        "Trading session: 1\nFrom: 11111111111111111\nTo: 2\n",
        "Trading session: 1\nFrom: g\nTo: 2\n",
        "Trading session: 1\nFrom: -1\nTo: 2\n",
        "Trading session: 1\nFrom:  1\nTo: 2\n",
        "Trading session: 1\nFrom: 1\nTo: 2\n\n",
        "Trading session: 1\nFrom: 1\nTo: 2 \n",
        "Trading session: 1\n\nFrom: 1\nTo: 2\n",
        "Trading session: 1\rFrom: 1\rTo: 2\r",
        " Trading session: 1\nFrom: 1\nTo: 2\n",
        "x\nTrading session: 1\nFrom: 1\nTo: 2\n",
        "Trading session: ٧\nFrom: 1\nTo: 2\n",
    ],
)
def test_turn_numbers_in_notes_are_decimal(db: Connection, note: str) -> None:
    assert read(db, note) is None

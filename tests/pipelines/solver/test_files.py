"""Markets as people have them: CSV, parts, numbers of all kinds. Every value is taken exactly, or refused by name."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.solver.exactly import Inexact, exactly
from pipelines.solver.load import load_directory
from pipelines.solver.market import MarketError
from pipelines.solver.solve import solve, solve_directory
from pipelines.solver.write import NotWritten
from tests.examples import examples
from tests.pipelines.solver.directories import FRAMES, save
from tests.pipelines.solver.markets import random_market

ID = 4873214862074861313
"""It became another one as a double."""


@pytest.fixture
def market(tmp_path: Path) -> Path:
    """A folder with a market in parquet files."""
    save(random_market(7, traders=50, currencies=6, minimum=1000), tmp_path)
    return tmp_path


def replace(folder: Path, name: str, frame: pl.DataFrame) -> None:
    frame.write_parquet(folder / f"{name}.parquet")


def as_csv(folder: Path, name: str, separator: str = ",", start: str = "") -> None:
    path = folder / f"{name}.parquet"
    text = pl.read_parquet(path).write_csv(separator=separator)
    (folder / f"{name}.csv").write_text(start + text, encoding="utf-8")
    path.unlink()


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_csv_files_give_the_same_answer(market: Path, separator: str, start: str) -> None:
    expected = solve(load_directory(market)).trades
    for name in FRAMES:
        as_csv(market, name, separator, start)
    trades = solve(load_directory(market)).trades
    assert trades.takings.equals(expected.takings)
    assert trades.givings.equals(expected.givings)


@pytest.mark.parametrize("folder", ["sell_offers", "sell_offers.parquet"])
def test_folders_of_parts_give_the_same_answer(market: Path, folder: str, tmp_path: Path) -> None:
    expected = load_directory(market)
    whole = pl.read_parquet(market / "sell_offers.parquet")
    (market / "sell_offers.parquet").unlink()
    (market / folder / "more").mkdir(parents=True)
    half = whole.height // 2
    whole[:half].write_parquet(market / folder / "part-0.parquet")
    whole[half:].write_csv(market / folder / "more" / "part-1.csv")
    (market / folder / "_SUCCESS").write_text("")
    assert load_directory(market).sell_offers.sort(pl.all()).equals(expected.sell_offers.sort(pl.all()))


def test_two_files_of_one_frame_are_refused(market: Path) -> None:
    (market / "sell_offers.csv").write_text("x")
    with pytest.raises(MarketError, match=r"there are sell_offers.parquet and sell_offers.csv, and only one"):
        load_directory(market)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (str(ID), ID),
        (f" {ID} ", ID),
        ("18446744073709551615", -1),
        ("+7", 7),
        ("-9223372036854775808", -(2**63)),
        ("0xFFFFFFFFFFFFFFFF", -1),
        ("0x2a", 42),
        (2.0**53 - 1, 2**53 - 1),
        (5.0, 5),
        (Decimal("18446744073709551615"), -1),
        (Decimal("7.00"), 7),
        (None, None),
        ("", None),
        (float("nan"), None),
    ],
)
def test_ids_are_taken_exactly(value: Any, expected: int | None) -> None:
    assert exactly(pl.Series("creditor_id", [value]), pl.Int64).to_list() == [expected]


@pytest.mark.parametrize("dtype", [pl.Int8, pl.UInt32, pl.Int64, pl.UInt64, pl.Int128])
def test_integers_of_all_sizes_are_taken(dtype: Any) -> None:
    assert exactly(pl.Series("debtor_id", [0, 100], dtype=dtype), pl.Int64).to_list() == [0, 100]
    unsigned = pl.Series("debtor_id", [2**64 - 5], dtype=pl.UInt64)
    assert exactly(unsigned, pl.Int64).to_list() == [-5]


@pytest.mark.parametrize(
    ("column", "value", "problem"),
    [
        ("creditor_id", float(ID), r"is a float, which can not hold every whole number from 9007199254740992 on"),
        ("creditor_id", float(2**53 + 1), r"is a float, which can not hold"),
        ("creditor_id", 1.5, "is no whole number"),
        ("creditor_id", float("inf"), "is no whole number"),
        ("creditor_id", "4.87e18", "is no whole number"),
        ("creditor_id", "gold", "is no whole number"),
        ("creditor_id", "18446744073709551616", "is beyond 64 bits"),
        ("creditor_id", Decimal("1.50"), "is no whole number"),
        ("creditor_id", True, "is no whole number"),
        ("creditor_id", [1], "is no whole number"),
        ("amount", "9223372036854775808", "is beyond 64 bits"),
        ("amount", 1000.5, "is no whole number"),
        ("amount", "0x10", "is no whole number"),
    ],
)
def test_what_is_not_exact_is_refused_with_its_row_and_value(
    market: Path, column: str, value: Any, problem: str
) -> None:
    dtype = pl.Series([value]).dtype
    good = pl.Series([None, None], dtype=dtype)
    frame = pl.read_parquet(market / "buy_offers.parquet")[:3]
    replace(market, "buy_offers", frame.with_columns(pl.concat([good, pl.Series([value], dtype=dtype)]).alias(column)))
    with pytest.raises(MarketError) as caught:
        load_directory(market)
    message = str(caught.value)
    assert f"{market}/buy_offers.parquet: column {column}, row 3: " in message
    assert problem in message
    assert str(value)[:20] in message


@pytest.mark.parametrize(("text", "row"), [(b"\xff\xfe1,2,3\n", 1), (b"1,2,3\n1,\x80,3\n", 2)])
def test_unreadable_text_is_refused_with_its_row(market: Path, text: bytes, row: int) -> None:
    (market / "buy_offers.parquet").unlink()
    (market / "buy_offers.csv").write_bytes(b"creditor_id,debtor_id,amount\n" + text)
    with pytest.raises(MarketError, match=rf"buy_offers.csv: row {row}: .* is no text in UTF-8"):
        load_directory(market)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "the file is empty"),
        ("creditor_id,debtor_id\n1,2\n", "buy_offers: missing columns: amount"),
        ("creditor_id,debtor_id,amount\n1,2,3,4\n", "not a CSV file"),
        ("creditor_id,debtor_id,amount\n1,2,3\n1,2,many\n", r"column amount, row 2: 'many' is no whole number"),
    ],
)
def test_a_csv_file_that_makes_no_sense_is_explained(market: Path, content: str, problem: str) -> None:
    (market / "buy_offers.parquet").unlink()
    (market / "buy_offers.csv").write_text(content)
    with pytest.raises(MarketError, match=problem):
        load_directory(market)


def test_truths_and_rates_are_read_from_texts(market: Path) -> None:
    as_csv(market, "currencies")
    assert load_directory(market).currencies["is_confirmed"].dtype == pl.Boolean
    text = (market / "currencies.csv").read_text()
    (market / "currencies.csv").write_text(text.replace("true", "maybe", 1))
    with pytest.raises(MarketError, match="column is_confirmed, row 1: 'maybe' is neither true nor false"):
        load_directory(market)
    header, base, *rest = text.splitlines()
    fields = rest[0].split(",")
    fields[header.split(",").index("peg_exchange_rate")] = "1,5".replace(",", "x")
    (market / "currencies.csv").write_text("\n".join([header, base, ",".join(fields)]))
    with pytest.raises(MarketError, match="column peg_exchange_rate, row 2: '1x5' is no number"):
        load_directory(market)


def test_a_text_column_takes_only_texts(market: Path) -> None:
    frame = pl.read_parquet(market / "currencies.parquet")
    replace(market, "currencies", frame.with_columns(debtor_info_locator=pl.lit(5)))
    with pytest.raises(MarketError, match="column debtor_info_locator, row 1: '5' is no text"):
        load_directory(market)


@settings(max_examples=examples(300), deadline=None, derandomize=True)
@given(number=st.integers(-(2**63), 2**64 - 1), kind=st.sampled_from(["text", "hexadecimal", "double", "wide"]))
def test_an_id_is_never_another_one(number: int, kind: str) -> None:
    wrapped = number - 2**64 if number >= 2**63 else number
    if kind == "double":
        column = pl.Series("debtor_id", [float(number)])
    elif kind == "hexadecimal":
        column = pl.Series("debtor_id", [hex(number % 2**64)])
    elif kind == "wide":
        column = pl.Series("debtor_id", [number], dtype=pl.Int128)
    else:
        column = pl.Series("debtor_id", [str(number)])
    try:
        found = exactly(column, pl.Int64).to_list()
    except Inexact:
        assert kind == "double"
        assert abs(number) >= 2**53
    else:
        assert found == [wrapped]


@pytest.mark.parametrize("value", [2**64 - 1, str(2**64 - 1), -1, "0xffffffffffffffff"])
def test_the_base_currency_may_be_named_as_the_web_api_does(market: Path, value: int | str) -> None:
    path = market / "meta.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "base_debtor_id": value}))
    assert load_directory(market).parameters.base_debtor_id == -1


def test_the_whole_way_from_csv_to_an_answer(market: Path, tmp_path: Path) -> None:
    for name in FRAMES:
        as_csv(market, name)
    assert solve_directory(market, tmp_path / "out").takings > 0


@pytest.mark.parametrize(("dtype", "first"), [(pl.Float32, 2**24), (pl.Float16, 2**11)])
def test_whole_numbers_in_short_floats_are_taken_only_where_they_are_exact(dtype: Any, first: int) -> None:
    assert exactly(pl.Series("amount", [first - 1], dtype=dtype), pl.Int64).to_list() == [first - 1]
    with pytest.raises(Inexact, match=f"from {first} on"):
        exactly(pl.Series("amount", [1.0, first], dtype=dtype), pl.Int64)


@pytest.mark.parametrize("dtype", [pl.Int64, pl.UInt64, pl.Int128])
def test_a_rate_that_is_a_whole_number_is_taken_only_where_it_is_a_double(dtype: Any) -> None:
    good = pl.Series("peg_exchange_rate", [2, 2**53, 2**60, None], dtype=dtype)
    assert exactly(good, pl.Float64).to_list() == [2.0, 2.0**53, 2.0**60, None]
    with pytest.raises(Inexact, match="row 2: '9007199254740993' is no double"):
        exactly(pl.Series("peg_exchange_rate", [1, 2**53 + 1], dtype=dtype), pl.Float64)


def test_columns_that_nobody_looks_at_are_named_in_a_warning(market: Path, tmp_path: Path) -> None:
    frame = pl.read_parquet(market / "buy_offers.parquet")
    replace(market, "buy_offers", frame.with_columns(collector_id=pl.lit(5), note=pl.lit("x")))
    report = solve_directory(market, tmp_path / "out")
    assert "buy_offers: columns ignored: collector_id, note" in report.warnings


@pytest.mark.parametrize("name", ["takings.parquet", "report.json", "circles.csv"])
def test_a_full_disk_is_told_with_the_file(market: Path, tmp_path: Path, name: str) -> None:
    output = tmp_path / "out"
    output.mkdir()
    (output / name).symlink_to("/dev/full")
    with pytest.raises(NotWritten, match=f"{name}: cannot be written: .*No space left on device"):
        solve_directory(market, output, circles_file=output / "circles.csv")

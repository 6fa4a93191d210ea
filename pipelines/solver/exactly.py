"""Columns as people have them, brought to the types of a market: exactly, or not at all.

An ID of 64 bits does not fit a double, so a file that went through a spreadsheet may have another ID than the one that
was meant. What can not be taken as it stands is refused with its row and value; nothing is rounded, nothing becomes
missing on the way. Missing values stay missing.
"""

from __future__ import annotations

import polars as pl

LEAST, MOST = -(2**63), 2**63 - 1
_UNSIGNED = 2**64
_FIRST_INEXACT = {"Float64": 2**53, "Float32": 2**24, "Float16": 2**11}
"""The first whole number that another one may have become: 2 ** 53 + 1 is 2 ** 53 as a double."""
_WHOLE = r"^[+-]?[0-9]{1,38}$"
_HEXADECIMAL = r"^0[xX][0-9a-fA-F]{1,16}$"
_TRUE, _FALSE = ("true", "t", "yes", "1"), ("false", "f", "no", "0")


class Inexact(ValueError):
    """A value that can not be taken: `row` counts from 0, `value` is as it was read, `problem` is for people."""

    def __init__(self, row: int, value: object, problem: str) -> None:
        super().__init__(f"row {row + 1}: {str(value)[:100]!r} {problem}")
        self.row = row


def exactly(column: pl.Series, dtype: pl.DataType | type[pl.DataType]) -> pl.Series:
    """The column in one of the types of a market's frames. Raises Inexact.

    IDs (columns whose names end with `_id`) may be unsigned, or hexadecimal texts.
    """
    if dtype == pl.Int64:
        return _whole_numbers(column, is_id=column.name.endswith("_id"))
    if dtype == pl.Float64:
        return _numbers(column)
    if dtype == pl.Boolean:
        return _truths(column)
    return _texts(column)


def _whole_numbers(column: pl.Series, is_id: bool) -> pl.Series:
    kind = column.dtype
    if kind == pl.Int64:
        return column
    if kind.is_float():
        # Programs that know no missing whole numbers write this.
        column = column.fill_nan(None)
        _refuse(column, column.is_infinite() | (column.floor() != column), "is no whole number")
        first = _FIRST_INEXACT[str(kind)]
        _refuse(
            column,
            column.abs() >= first,
            f"is a float, which can not hold every whole number from {first} on: write it as an integer or a text",
        )
        return column.cast(pl.Int64)
    if kind.is_decimal():
        column = column.cast(pl.String)
        return _whole_numbers(column.str.replace(r"\.0*$", ""), is_id)
    wide = column.cast(pl.Int128) if kind.is_integer() else _parsed(column, is_id)
    most = _UNSIGNED - 1 if is_id else MOST
    number, unsigned = pl.col("number"), pl.lit(_UNSIGNED, dtype=pl.Int128)
    frame = wide.alias("number").to_frame()
    is_beyond = (number < LEAST) | (number > pl.lit(most, dtype=pl.Int128))
    _refuse(column, frame.select(is_beyond).to_series(), "is beyond 64 bits")
    wrapped = pl.when(number > MOST).then(number - unsigned).otherwise(number)
    return frame.select(wrapped.cast(pl.Int64).alias(column.name)).to_series()


def _parsed(column: pl.Series, is_id: bool) -> pl.Series:
    """Whole numbers of texts, as Int128."""
    texts = _stripped(column, "is no whole number")
    is_number = texts.str.contains(_WHOLE)
    is_hexadecimal = texts.str.contains(_HEXADECIMAL) if is_id else pl.repeat(False, texts.len(), eager=True)
    _refuse(column, ~(is_number | is_hexadecimal), "is no whole number")
    numbers = texts.str.strip_prefix("+").cast(pl.Int128, strict=False)
    if not is_hexadecimal.any():
        return numbers
    parsed = texts.str.replace("^0[xX]", "").str.to_integer(base=16, dtype=pl.Int128, strict=False)
    return pl.select(pl.when(is_hexadecimal).then(parsed).otherwise(numbers)).to_series()


def _numbers(column: pl.Series) -> pl.Series:
    if column.dtype.is_numeric():
        numbers = column.cast(pl.Float64)
        if column.dtype.is_integer():
            # Beyond 2 ** 127 a double may be, but no whole number of a column.
            is_other = numbers.cast(pl.Int128, strict=False).ne_missing(column.cast(pl.Int128, strict=False))
            _refuse(column, is_other, "is no double: write it as a float, or as a text, for the nearest one")
    else:
        numbers = _stripped(column, "is no number").cast(pl.Float64, strict=False).alias(column.name)
        _refuse(column, numbers.is_null() & _is_there(column), "is no number")
    return numbers


def _truths(column: pl.Series) -> pl.Series:
    if column.dtype == pl.Boolean:
        return column
    problem = "is neither true nor false"
    if column.dtype.is_integer():
        _refuse(column, (column != 0) & (column != 1), problem)
        return column.cast(pl.Boolean)
    texts = _stripped(column, problem).str.to_lowercase()
    _refuse(column, ~texts.is_in([*_TRUE, *_FALSE]), problem)
    return texts.is_in(_TRUE).alias(column.name)


def _texts(column: pl.Series) -> pl.Series:
    if column.dtype in (pl.String, pl.Categorical, pl.Enum, pl.Null):
        return column.cast(pl.String)
    _refuse(column, column.is_not_null(), "is no text")
    return column.cast(pl.String)


def _stripped(column: pl.Series, problem: str) -> pl.Series:
    """Texts without white space around them; empty ones are missing."""
    if column.dtype not in (pl.String, pl.Categorical, pl.Enum, pl.Null):
        _refuse(column, column.is_not_null(), problem)
    texts = column.cast(pl.String).str.strip_chars()
    return pl.select(pl.when(texts != "").then(texts)).to_series().alias(column.name)


def _is_there(column: pl.Series) -> pl.Series:
    return column.cast(pl.String).str.strip_chars() != ""


def _refuse(column: pl.Series, is_bad: pl.Series, problem: str) -> None:
    """Raises Inexact for the first row that is bad; what is missing is not."""
    row = (is_bad.fill_null(False) & column.is_not_null()).arg_true()
    if row.len():
        value = column[int(row[0])]
        raise Inexact(int(row[0]), value.to_list() if isinstance(value, pl.Series) else value, problem)

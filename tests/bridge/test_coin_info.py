from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.coin_info import CoinInfo, InvalidDocument, Peg, parse_coin_info, parse_debtor_uri
from tests.bridge.coins import DOCUMENT, document
from tests.covering import covers
from tests.examples import examples


def test_the_worked_document_is_understood() -> None:
    assert parse_coin_info(document()) == CoinInfo(
        debtor_info_locator="https://example.com/монета",
        debtor_id=-123,
        peg=Peg("https://currencies.swaptacular.org/USD", 666, 0.5),
        will_not_change_until=datetime(2026, 6, 30, tzinfo=UTC),
        name="Test Coin",
        abbreviation="TST",
    )


@pytest.mark.parametrize("field", ["debtorName", "unit"])
@pytest.mark.parametrize("value", [..., None, 7, "", " ", {"a": ["b"]}, "\u202e\u200b"])
def test_a_currency_without_a_usable_name_has_none(field: str, value: object) -> None:
    expected = replace(
        parse_coin_info(document()), **{"debtorName": {"name": None}, "unit": {"abbreviation": None}}[field]
    )
    assert parse_coin_info(document(field, value)) == expected


@pytest.mark.parametrize("number", [b"1e400", b"9" * 5000, b"-0"])
def test_a_number_in_place_of_a_name_makes_no_document_invalid(number: bytes) -> None:
    body = document().replace(b'"Test Coin"', number)
    assert parse_coin_info(body).debtor_id == -123
    assert parse_coin_info(body).name is None


def test_half_a_surrogate_pair_in_a_name_is_left_out() -> None:
    info = parse_coin_info(document("debtorName", "Coin HALF").replace(b"HALF", rb"\ud83d"))
    assert (info.name, info.abbreviation) == ("Coin", "TST")


@covers("V9.15")
@pytest.mark.parametrize(
    ("uri", "debtor_id"),
    [
        ("swpt:0", 0),
        ("swpt:1234", 1234),
        ("swpt:9223372036854775807", 2**63 - 1),
        ("swpt:9223372036854775808", -(2**63)),
        ("swpt:18446744073709551493", -123),
        ("swpt:18446744073709551615", -1),
        ("swpt:007", 7),
    ],
)
def test_debtor_ids_are_unsigned_in_addresses(uri: str, debtor_id: int) -> None:
    assert parse_debtor_uri(uri) == debtor_id
    assert parse_coin_info(document("debtorIdentity.uri", uri)).debtor_id == debtor_id


@covers("V9.15")
@pytest.mark.parametrize(
    "uri",
    ["swpt:18446744073709551616", "swpt:-1", "SWPT:1", "swpt:1/acc", "swpt:", "", " swpt:1", "swpt:+1", "swpt:1_0"],
)
def test_other_addresses_are_invalid(uri: str) -> None:
    with pytest.raises(ValueError, match="swpt"):
        parse_debtor_uri(uri)
    with pytest.raises(InvalidDocument):
        parse_coin_info(document("debtorIdentity.uri", uri))


@covers("M20")
@pytest.mark.parametrize("uri", ["swpt:1\n", "swpt:١", "swpt:²", "swpt:" + "0" * 20 + "1"])
def test_swpt_addresses_are_read_to_the_letter(uri: str) -> None:
    with pytest.raises(InvalidDocument):
        parse_coin_info(document("debtorIdentity.uri", uri))


@covers("M20")
@pytest.mark.parametrize("field", ["", "debtorIdentity.", "peg."])
@pytest.mark.parametrize(
    ("suffix", "good"),
    [
        ("", 1),
        ("-v1", 1),
        ("-v2", 1),
        ("-v999999", 1),
        ("-v0", 0),
        ("-v01", 0),
        ("-v1234567", 0),
        ("\n", 0),
        ("-v٣", 0),
    ],
)
def test_type_names_are_read_to_the_letter(field: str, suffix: str, good: int) -> None:
    name = {"": "CoinInfo", "debtorIdentity.": "DebtorIdentity", "peg.": "Peg"}[field]
    body = document(field + "type", name + suffix)
    if good:
        assert parse_coin_info(body).debtor_id == -123
    else:
        with pytest.raises(InvalidDocument):
            parse_coin_info(body)


@covers("M21")
def test_a_peg_to_another_scheme_is_no_peg() -> None:
    without = parse_coin_info(document("peg.debtorIdentity.uri", "https://example.com/gold-ounce"))
    assert (without.peg, without.debtor_id) == (None, -123)
    with pytest.raises(InvalidDocument):
        parse_coin_info(document("debtorIdentity.uri", "https://example.com/gold-ounce"))
    with pytest.raises(InvalidDocument):
        parse_coin_info(document("peg.debtorIdentity.uri", "swpt:18446744073709551616"))


@covers("M23")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[]",
        b"null",
        b"{" * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'{"unknown":"\xff",' + document()[1:],
        document("latestDebtorInfo.uri", "https://example.com/\0"),
        document("latestDebtorInfo.uri", "https://example.com/\ud800"),
        document().replace(b"0.5", b"9" * 5000),
        document().replace(b"0.5", b"1e400"),
        document().replace(b"0.5", b"NaN"),
        document("summary", "x" * 2**20),
    ],
)
def test_nonsense_is_an_invalid_document(body: bytes) -> None:
    with pytest.raises(InvalidDocument):
        parse_coin_info(body)


@covers("M25")
def test_a_frozen_document_without_offset_ends_in_utc() -> None:
    without_offset = parse_coin_info(document("willNotChangeUntil", "2026-06-30T00:00:00"))
    assert without_offset.will_not_change_until == datetime(2026, 6, 30, tzinfo=UTC)


@covers("M27")
@pytest.mark.parametrize(
    ("uri", "good"),
    [
        ("x", True),
        ("ftp://example.com", True),
        ("é" * 200, True),
        ("", False),
        ("x" * 201, False),
        ("a\nb", False),
        ("a\x7f", False),
        ("a\x85", False),
        (5, False),
        (None, False),
    ],
)
def test_a_locator_is_a_text_without_control_characters(uri: object, good: bool) -> None:
    for path in ("latestDebtorInfo.uri", "peg.latestDebtorInfo.uri"):
        if good:
            assert parse_coin_info(document(path, uri)).debtor_id == -123
        else:
            with pytest.raises(InvalidDocument):
                parse_coin_info(document(path, uri))


@pytest.mark.parametrize("path", ["type", "latestDebtorInfo", "debtorIdentity", "peg.type", "peg.exchangeRate"])
def test_used_fields_are_required(path: str) -> None:
    with pytest.raises(InvalidDocument):
        parse_coin_info(document(path))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("peg", None),
        ("peg.exchangeRate", -0.1),
        ("peg.exchangeRate", "1"),
        ("peg.exchangeRate", True),
        ("willNotChangeUntil", None),
        ("willNotChangeUntil", "2026-06-30"),
        ("willNotChangeUntil", "2026-06-30T00:00:00Z" + " " * 90),
        ("willNotChangeUntil", "2026-06-30T00:00:00." + "0" * 90 + "Z"),
        ("latestDebtorInfo.extra", 1),
        ("peg.latestDebtorInfo.extra", 1),
        ("debtorIdentity.uri", "swpt:1" + " " * 100),
    ],
)
def test_used_fields_are_validated(path: str, value: object) -> None:
    with pytest.raises(InvalidDocument):
        parse_coin_info(document(path, value))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("revision", ...),
        ("revision", "x"),
        ("unit", ...),
        ("decimalPlaces", 100),
        ("peg.display", ...),
        ("peg.extra", 1),
        ("debtorIdentity.extra", 1),
        ("extra", [None]),
        ("peg.exchangeRate", 0),
        ("peg.exchangeRate", 2),
    ],
)
def test_other_errors_are_tolerated(path: str, value: object) -> None:
    parsed = parse_coin_info(document(path, value))
    assert parsed.peg is not None
    assert isinstance(parsed.peg.exchange_rate, float)


@pytest.mark.parametrize("path", ["summary", "peg.display.unit", "extra"])
def test_half_a_surrogate_pair_is_tolerated_where_it_is_not_used(path: str) -> None:
    """A text cut off in the middle of an emoji ends so."""
    body = document(path, "cut off HALF").replace(b"HALF", rb"\ud83d")
    assert parse_coin_info(body) == parse_coin_info(document())


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        (b"https://currencies.swaptacular.org/", rb"https://\ud83d/"),
        (b"https://example.com/", rb"https://\ud83d/"),
        (b"swpt:666", rb"swpt:\ud83d"),
        (b"swpt:666", b"swpt:-666"),
        (b'"CoinInfo"', rb'"CoinInfo\ud83d"'),
        (b"0.5", b"1e400"),
        (b"0.5", b"NaN"),
        (b"0.5", b"Infinity"),
        (b"0.5", b"9" * 5000),
        (b'{"uri"', b'{"extra":1,"uri"'),
        (b"{", b"\xef\xbb\xbf{"),
    ],
)
def test_half_a_surrogate_pair_excuses_nothing_else(good: bytes, bad: bytes) -> None:
    body = json.dumps(DOCUMENT | {"summary": "cut off \ud83d"}, separators=(",", ":")).encode()
    assert parse_coin_info(body) == parse_coin_info(document())
    assert good in body
    with pytest.raises(InvalidDocument):
        parse_coin_info(body.replace(good, bad, 1))


def test_peg_and_frozen_date_may_be_missing() -> None:
    assert parse_coin_info(document("peg")).peg is None
    assert parse_coin_info(document("willNotChangeUntil")).will_not_change_until is None


@settings(max_examples=examples(200), deadline=None)
@given(st.integers(0, len(document())), st.binary(max_size=6), st.integers(0, 10))
def test_nothing_but_invalid_document_escapes(place: int, junk: bytes, skipped: int) -> None:
    body = document()
    with suppress(InvalidDocument):
        parse_coin_info(body[:place] + junk + body[place + skipped :])

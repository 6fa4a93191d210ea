"""The texts that each kind of variable takes."""

from __future__ import annotations

import math
import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settings import parsers
from settings.parsers import (
    parse_boolean,
    parse_duration,
    parse_id,
    parse_integer,
    parse_number,
    parse_ports,
    parse_regex,
)
from tests.covering import covers
from tests.settings.environments import load_with, problems_with


@covers("V3.16")
@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0.5h", 1800), ("5e-1h", 1800), ("1000s\n", 1000), ("20", 20), ("3x", None), ("-5s", None), (" 1s", None)],
)
def test_durations_have_a_unit_or_are_seconds(text: str, seconds: int | None) -> None:
    if seconds is None:
        with pytest.raises(ValueError, match="duration"):
            parse_duration(text)
    else:
        assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("20", timedelta(seconds=20)),
        ("20d", timedelta(days=20)),
        ("2.5h", timedelta(hours=2, minutes=30)),
        ("1.5w", timedelta(days=10, hours=12)),
        ("1e1m", timedelta(minutes=10)),
        ("0", timedelta(0)),
        (".5s \t\n", timedelta(milliseconds=500)),
    ],
)
def test_durations_are_read(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize("text", ["-1", "1H", "5 s", "5ms", "inf", "", "s", "1e", ".", "+-1", "1\nd", "\u0661s"])
def test_texts_that_are_no_durations(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|number"):
        parse_duration(text)


@given(st.integers(0, 10**9 - 1), st.sampled_from("smhd"))
def test_durations_are_written_as_they_are_read(number: int, unit: str) -> None:
    duration = parse_duration(f"{number}{unit}")
    assert parse_duration(parsers.write_duration(duration)) == duration


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("4294967296", 4294967296),
        ("0x100000000", 4294967296),
        ("0xffffffffffffffff", -1),
        ("18446744073709551615", -1),
        ("-1", -1),
        ("0x8000000000000000", -(2**63)),
        ("-0x8000000000000000", -(2**63)),
        ("0x0000010000000000", 1099511627776),
        ("9223372036854775807", 2**63 - 1),
        ("0XAb", 0xAB),
        (" \t7\n", 7),
        ("0", 0),
    ],
)
def test_ids_are_read(text: str, number: int) -> None:
    assert parse_id(text) == number


@pytest.mark.parametrize(
    "text",
    ["18446744073709551616", "-9223372036854775809", "1.0", "010", "", "+1", "- 1", "--1", "0x", "1e3", "9" * 5000],
)
def test_texts_that_are_no_ids(text: str) -> None:
    with pytest.raises(ValueError, match=r"ID|range"):
        parse_id(text)


@given(st.integers(-(2**63), 2**63 - 1))
def test_ids_may_be_written_signed_unsigned_and_in_hexadecimal(number: int) -> None:
    texts = (str(number), str(number % 2**64), hex(number), hex(number % 2**64))
    assert {parse_id(text) for text in texts} == {number}


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("+12", 12), ("-3", -3), ("007", 7)])
def test_integers_are_read(text: str, number: int) -> None:
    assert parse_integer(text) == number


@pytest.mark.parametrize("text", ["", "1.0", "1e3", "0x10", "1_000", "ten", "9" * 5000])
def test_texts_that_are_no_integers(text: str) -> None:
    with pytest.raises(ValueError, match="integer"):
        parse_integer(text)


@pytest.mark.parametrize(
    ("text", "number"), [("1e-6", 1e-6), ("-50.0", -50.0), (".5", 0.5), ("2.", 2.0), ("+1E2", 100)]
)
def test_numbers_are_read(text: str, number: float) -> None:
    assert parse_number(text) == number


@pytest.mark.parametrize("text", ["", ".", "1_0", "0x1p3", "1,5", "1e", "e5"])
def test_texts_that_are_no_numbers(text: str) -> None:
    with pytest.raises(ValueError, match="number"):
        parse_number(text)


@pytest.mark.parametrize("key", ["#", "0.#", "0.1.#", "1." * 16 + "#"])
def test_binding_keys_are_kept_as_they_are(key: str) -> None:
    config = load_with(PROTOCOL_BROKER_QUEUE_ROUTING_KEY=key)
    assert (config.protocol_broker_queue_routing_key, config.realm.binding_key) == (key, key)


@pytest.mark.parametrize("key", ["", "0", "01.#", "2.#", "0.\n#", "#.0", "*.#", "1." * 17 + "#"])
def test_texts_that_are_no_binding_keys(key: str) -> None:
    (problem,) = problems_with(PROTOCOL_BROKER_QUEUE_ROUTING_KEY=key)
    assert problem.startswith(f"PROTOCOL_BROKER_QUEUE_ROUTING_KEY={key!r}: must be 0 to 16 bits")


def test_regular_expressions_are_compiled() -> None:
    assert parse_regex("^a(.)$") == re.compile("^a(.)$")
    with pytest.raises(ValueError, match="regular expression"):
        parse_regex("a(")


def test_names_are_split_at_spaces() -> None:
    assert load_with(APP_ASSOCIATED_LOGGERS="  pika  httpx.client\n").app_associated_loggers == ("pika", "httpx.client")
    assert load_with(APP_ASSOCIATED_LOGGERS="").app_associated_loggers == ()


def test_text_is_taken_verbatim_but_for_white_space_around_it() -> None:
    assert load_with(PROTOCOL_BROKER_QUEUE=" a  'b'\n").protocol_broker_queue == "a  'b'"


@covers("C1")
@pytest.mark.parametrize("text", ["true", "on", "yes", "y", "t", "1", "TRUE", "Yes"])
def test_these_texts_are_true(text: str) -> None:
    assert parse_boolean(text) is True


@covers("C1")
@pytest.mark.parametrize("text", ["false", "off", "no", "n", "f", "0", "", "OFF", "No"])
def test_these_texts_are_false(text: str) -> None:
    assert parse_boolean(text) is False


@covers("C1")
@pytest.mark.parametrize("text", ["treu", "2", "-", "tr ue", "nope"])
def test_any_other_boolean_is_an_error(text: str) -> None:
    (problem,) = problems_with(APP_LOCAL_DELIVERY=text)
    assert problem.startswith(f"APP_LOCAL_DELIVERY={text!r}: must be true, on, yes, y, t, 1, or false, off,")


@covers("C2")
@pytest.mark.parametrize("text", ["True", "(5)", "0b11", "0o7", "1_000", "5L", "2**3"])
def test_ids_are_decimal_or_hexadecimal(text: str) -> None:
    (problem,) = problems_with(MAX_COLLECTOR_ID=text)
    assert problem.startswith(f"MAX_COLLECTOR_ID={text!r}: must be a decimal or 0x hexadecimal integer")


@covers("C3")
def test_empty_numbers_durations_and_ids_are_not_set() -> None:
    empty = load_with(
        MIN_TRADE_AMOUNT="",
        TRANSFERS_AMOUNT_CUT="",
        TURN_PERIOD="",
        FLUSH_PERIOD="",
        MIN_COLLECTOR_ID="",
        APP_WORKER_ACCOUNTS_SCAN_DAYS="",
        APP_START_SENDING_BURST_COUNT="",
        BASE_DEBTOR_ID="",
    )
    assert empty == load_with()


@covers("C3")
def test_empty_texts_and_booleans_are_values() -> None:
    config = load_with("solver", PROTOCOL_BROKER_QUEUE="", APP_VERIFY_SSL_CERTS="", APP_FETCH_PRIVATE_ADDRESSES="")
    assert config.protocol_broker_queue == ""
    assert config.app_verify_ssl_certs is False
    assert config.app_fetch_private_addresses is False


@covers("C4")
@pytest.mark.parametrize(
    "variable", ["TRANSFERS_AMOUNT_CUT", "APP_MIN_DEMURRAGE_RATE", "HTTP_FETCH_TIMEOUT", "APP_ACCOUNT_LOCK_MAX_DAYS"]
)
@pytest.mark.parametrize("text", ["1e400", "-1e400", "nan", "inf", "-inf", "Infinity"])
def test_infinite_numbers_are_refused(variable: str, text: str) -> None:
    (problem,) = problems_with(**{variable: text})
    assert problem.startswith(f"{variable}={text!r}: must be a ")


@covers("C4")
@pytest.mark.parametrize(
    ("variable", "longest", "too_long"),
    [
        ("TURN_PERIOD", "999999999d", "1e9d"),
        ("TURN_PERIOD", "86399999999999.9s", "86400000000000"),
        ("APP_ACCOUNT_LOCK_MAX_DAYS", "999999999", "1e9"),
        ("FLUSH_PERIOD", "8.6e13", "8.64e13"),
        ("TURN_PERIOD", "142857142w", "1e308w"),
    ],
)
def test_durations_are_below_a_billion_days(variable: str, longest: str, too_long: str) -> None:
    assert getattr(load_with(**{variable: longest}), variable.lower()) > timedelta(days=9.9e8)
    (problem,) = problems_with("solver" if variable == "TURN_PERIOD" else "worker", **{variable: too_long})
    assert problem.startswith(f"{variable}={too_long!r}: must be a ")
    assert "below 10^9" in problem


@pytest.mark.parametrize(
    ("text", "ranges"),
    [("443", ((443, 443),)), ("443,1024-65535", ((443, 443), (1024, 65535))), (" 1 - 2 , 3-3", ((1, 2), (3, 3)))],
)
def test_ports_are_read_and_written(text: str, ranges: tuple[tuple[int, int], ...]) -> None:
    assert parse_ports(text) == ranges
    assert parse_ports(parsers.write_ports(ranges)) == ranges


@pytest.mark.parametrize("text", [",", "443,", "0", "65536", "2-1", "-1", "1-2-3", "https", "443 444"])
def test_texts_that_are_no_ports(text: str) -> None:
    (problem,) = problems_with(APP_FETCH_PORTS=text)
    assert problem.startswith("APP_FETCH_PORTS=")


def test_numbers_are_read_as_python_reads_them() -> None:
    assert math.isclose(load_with(TRANSFERS_AMOUNT_CUT="2e-6").transfers_amount_cut, 2e-6)

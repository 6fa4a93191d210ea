from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.messages.catalogue import STRUCTS
from bridge.messages.codec import BadMessage, Message, build, decode, encode, encode_message
from bridge.messages.moments import format_moment, parse_moment
from bridge.messages.names import CONSUMED_TYPES, OUTGOING_TYPES
from bridge.wire.ports import Delivery
from tests.bridge.messages.examples import EXAMPLES, WORKED, changed, delivery
from tests.covering import covers
from tests.examples import examples

MIN64, MAX64 = -(2**63), 2**63 - 1


def read(type_name: str, body: bytes) -> Message:
    return decode(delivery(type_name, body), types=STRUCTS)


def is_good(type_name: str, **changes: object) -> bool:
    try:
        read(type_name, changed(type_name, **changes))
    except BadMessage:
        return False
    return True


@pytest.mark.parametrize(("type_name", "routing_key", "body"), WORKED, ids=[case[0] for case in WORKED])
def test_worked_example_goes_both_ways(type_name: str, routing_key: str, body: bytes) -> None:
    message = read(type_name, body)
    assert encode_message(message.fields) == body
    assert encode(type_name, json.loads(body)) == body
    assert decode(delivery(type_name, message.inbox_json()), types=STRUCTS) == message
    assert message.key == json.loads(body)[STRUCTS[type_name].sharding_field]


def test_which_types_are_consumed() -> None:
    assert len(CONSUMED_TYPES) == 23
    assert len(OUTGOING_TYPES) == 16
    for type_name in ("ConfigureAccount", "PrepareTransfer", "FinalizeTransfer"):
        body = changed(type_name)
        with pytest.raises(BadMessage, match="unknown message type"):
            decode(delivery(type_name, body))


@pytest.mark.parametrize(
    "content_type", [None, "", "text/plain", "application/json; charset=utf-8", "Application/json"]
)
def test_another_content_type_is_a_bad_message(content_type: str | None) -> None:
    body = changed("NeededCollector")
    with pytest.raises(BadMessage, match="content type"):
        decode(Delivery(1, "", "", "NeededCollector", content_type, {}, body))


@pytest.mark.parametrize("type_name", [None, "", "Unknown", "neededcollector"])
def test_an_unknown_type_is_a_bad_message(type_name: str | None) -> None:
    with pytest.raises(BadMessage, match="unknown message type"):
        decode(delivery(type_name, changed("NeededCollector")))


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b'"x"', b"5", b"{", b"{}", b"\xff\xfe", b"\xef\xbb\xbf{}", b"{} {}"]
)
def test_a_body_that_is_no_object_of_the_fields_is_a_bad_message(body: bytes) -> None:
    with pytest.raises(BadMessage):
        decode(delivery("NeededCollector", body))


@pytest.mark.parametrize("type_name", sorted(STRUCTS))
def test_every_field_is_required_and_typed(type_name: str) -> None:
    nullable = {"policy_name", "peg_exchange_rate", "peg_debtor_id", "forced_iri", "unpaid"}
    nullable |= {"peg_debtor_info_locator", "will_not_change_until"}
    for name in EXAMPLES[type_name]:
        if name not in nullable:
            assert not is_good(type_name, **{name: ...}), name
            assert not is_good(type_name, **{name: None}), name
        assert not is_good(type_name, **{name: [1]}), name
    assert not is_good(type_name, type="Other")
    assert is_good(type_name)


@pytest.mark.parametrize("type_name", sorted(STRUCTS))
def test_rule_5_unknown_fields_are_ignored(type_name: str) -> None:
    plain = read(type_name, changed(type_name))
    extended = read(type_name, changed(type_name, extra={"a": ["é", None]}, more=1e300))
    assert plain == extended
    assert b"extra" not in extended.inbox_json()


def test_missing_nullable_field_means_null() -> None:
    message = read("StoreDocument", changed("StoreDocument", will_not_change_until=...))
    assert json.loads(message.inbox_json())["will_not_change_until"] is None
    policy = changed("UpdatedPolicy", policy_name=..., peg_exchange_rate=..., peg_debtor_id=...)
    assert json.loads(read("UpdatedPolicy", policy).inbox_json())["peg_debtor_id"] is None


@pytest.mark.parametrize(
    ("type_name", "field", "good", "bad"),
    [
        ("AccountUpdate", "debtor_id", [MIN64, MAX64, 0], [MIN64 - 1, MAX64 + 1]),
        ("AccountUpdate", "last_change_seqnum", [-(2**31), 2**31 - 1], [-(2**31) - 1, 2**31]),
        ("AccountUpdate", "interest", [-1.5, 1e308], []),
        ("AccountUpdate", "interest_rate", [-100, -100.0, 1e9], [-100.1]),
        ("AccountUpdate", "negligible_amount", [0, 1e30], [-0.1]),
        ("AccountUpdate", "demurrage_rate", [-100, 0], [-100.1, 0.1]),
        ("AccountUpdate", "commit_period", [0, 2**31 - 1], [-1, 2**31]),
        ("AccountUpdate", "transfer_note_max_bytes", [0, 500], [-1, 501]),
        ("AccountUpdate", "last_transfer_number", [0, MAX64], [-1]),
        ("AccountUpdate", "ttl", [0], [-1]),
        ("AccountUpdate", "account_id", ["", "x" * 100], ["x" * 101, "é"]),
        ("AccountUpdate", "debtor_info_iri", ["", "é" * 200], ["x" * 201]),
        ("AccountUpdate", "debtor_info_content_type", ["", "x" * 100], ["x" * 101, "é"]),
        ("AccountUpdate", "debtor_info_sha256", ["", "0A" * 32, "0a" * 32], ["0a" * 31 + "0A", "0A" * 31, "g" * 64]),
        ("AccountUpdate", "config_data", ["", "x" * 2000, "é" * 1000], ["x" * 2001, "é" * 1001]),
        ("AccountUpdate", "creation_date", ["2024-02-29"], ["2023-02-29", "20240101", "2024-01-01T00:00:00Z", "x"]),
        ("RejectedConfig", "rejection_code", ["", "x" * 30], ["x" * 31, "é"]),
        ("AccountTransfer", "transfer_number", [13, MAX64], [0, 12]),
        ("AccountTransfer", "previous_transfer_number", [0, 12], [-1, 13]),
        ("AccountTransfer", "coordinator_type", ["x", "direct", "x" * 30], ["", "x" * 31, "é"]),
        ("AccountTransfer", "acquired_amount", [1, MIN64], [0]),
        ("AccountTransfer", "transfer_note_format", ["", "-cXchge", "aZ0.-aZ0"], ["a" * 9, "a_b", "a\n", "é"]),
        ("AccountTransfer", "transfer_note", ["", "x" * 500, "é" * 250], ["x" * 501, "é" * 251]),
        ("RejectedTransfer", "status_code", ["", "TIMEOUT"], ["OK", "x" * 31]),
        ("RejectedTransfer", "total_locked_amount", [0], [-1]),
        ("PreparedTransfer", "locked_amount", [0], [-1]),
        ("FinalizedTransfer", "committed_amount", [0, MAX64], [-1]),
        ("PrepareTransfer", "max_locked_amount", [1059, MAX64], [1058, -1]),
        ("PrepareTransfer", "max_commit_delay", [0, 2147483647], [-1, 2147483648]),
        ("UpdatedLedger", "update_id", [1], [0]),
        ("UpdatedPolicy", "policy_name", [None, "", "x" * 50], [5]),
        ("UpdatedPolicy", "max_principal", [0], [-1]),
        ("UpdatedPolicy", "peg_exchange_rate", [0, 0.5], [-0.5, None]),
        ("UpdatedPolicy", "peg_debtor_id", [0], [None]),
        ("FetchDebtorInfo", "recursion_level", [0, 32767], [-1, 32768]),
        ("StoreDocument", "peg_debtor_id", [0], [None]),
        ("StoreDocument", "peg_exchange_rate", [0], [-1, None]),
        ("CandidateOffer", "amount", [-MAX64, MAX64], [0, MIN64]),
        ("CandidateOffer", "turn_id", [-(2**31), 32768], [2**31]),
        ("CandidateOffer", "last_transfer_number", [0], [-1]),
        ("AccountIdResponse", "account_id_version", [MIN64, MAX64], [MIN64 - 1]),
    ],
)
def test_each_field_takes_its_good_values_only(type_name: str, field: str, good: list[Any], bad: list[Any]) -> None:
    assert [value for value in good if not is_good(type_name, **{field: value})] == []
    assert [value for value in bad if is_good(type_name, **{field: value})] == []


def test_failed_transfer_has_no_committed_amount() -> None:
    assert not is_good("FinalizedTransfer", status_code="TIMEOUT")
    assert is_good("FinalizedTransfer", status_code="TIMEOUT", committed_amount=0)


@covers("M5")
@pytest.mark.parametrize(
    "body",
    [
        changed("UpdatedLedger").replace(b"51200", b"9" * 5000),
        changed("UpdatedLedger").replace(b"51200", b"-" + b"9" * 5000),
        changed("UpdatedLedger").replace(b"51200", b"1e400"),
        changed("UpdatedLedger").replace(b"51200", b"NaN"),
        changed("UpdatedLedger").replace(b"51200", b"[" * 100_000),
        changed("UpdatedLedger").replace(b"51200", b"[" * 100_000 + b"]" * 100_000),
        changed("UpdatedLedger").replace(b"51200", b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
        changed("UpdatedLedger").replace(b"swpt-acc", rb"\ud800"),
        changed("UpdatedLedger").replace(b"swpt-acc", rb"\udc00"),
        changed("UpdatedLedger").replace(b"swpt-acc", b"\xed\xa0\x80"),
        changed("UpdatedLedger").replace(b"swpt-acc", b"\xff"),
        b'{"unknown":"\xff",' + changed("UpdatedLedger")[1:],
        changed("AccountUpdate").replace(b"0.0", b"9" * 5000),
    ],
)
def test_nonsense_in_a_body_is_a_bad_message(body: bytes) -> None:
    type_name = "AccountUpdate" if b"AccountUpdate" in body else "UpdatedLedger"
    with pytest.raises(BadMessage):
        decode(delivery(type_name, body))


@covers("M5")
@settings(max_examples=examples(300), deadline=None)
@given(st.data())
def test_no_other_error_escapes_the_parser(data: st.DataObject) -> None:
    type_name, _, body = data.draw(st.sampled_from(WORKED))
    start = data.draw(st.integers(0, len(body)))
    stop = data.draw(st.integers(start, min(len(body), start + 40)))
    junk = data.draw(
        st.binary(max_size=8)
        | st.text(max_size=8).map(lambda s: s.encode("utf-8", "surrogatepass"))
        | st.sampled_from(
            [rb"\u0000", rb'"', rb"\ud8ab", b"1e999", b"[[[", b"null", b"-1", b"\x00", b"2026-01-05t0", b'z"', b".0"]
        )
    )
    try:
        message = read(type_name, body[:start] + junk + body[stop:])
    except BadMessage:
        return
    assert read(type_name, message.inbox_json()) == message


@covers("M6")
@pytest.mark.parametrize("text", ["a\0b", "\0"])
def test_texts_have_no_nul_and_no_lone_surrogates(text: str) -> None:
    assert not is_good("UpdatedPolicy", policy_name=text)
    assert not is_good("UpdatedLedger", account_id=text)
    assert not is_good("DiscoverDebtor", iri=text)
    assert not is_good("UpdatedPolicy", policy_name="\ud800")
    # an escaped backslash before u0000 is no U+0000
    assert is_good("UpdatedPolicy", policy_name=r"\u0000")


@covers("M9")
@pytest.mark.parametrize("text", ["2026-01-05T02:10:00", "2026-01-05 02:10:00", "2026-01-05T02:10"])
def test_moments_without_offset_are_utc(text: str) -> None:
    assert json.loads(read("NeededCollector", changed("NeededCollector", ts=text)).inbox_json())["ts"] == (
        "2026-01-05T02:10:00Z"
    )


@covers("M10")
@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-00:01", "0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z"]
)
def test_moments_outside_the_years_1_to_9999_are_refused(text: str) -> None:
    assert not is_good("NeededCollector", ts=text)


@covers("M11")
def test_moments_are_written_in_utc() -> None:
    tokyo = timezone(timedelta(hours=9))
    fields = {"debtor_id": 1, "ts": datetime(2026, 1, 5, 11, 10, tzinfo=tokyo)}
    assert encode("NeededCollector", fields) == (
        b'{"type":"NeededCollector","debtor_id":1,"ts":"2026-01-05T02:10:00+00:00"}'
    )


@covers("M12")
@pytest.mark.parametrize(
    ("text", "good"),
    [
        (b"7", True),
        (b"7.0", True),
        (b"7e2", True),
        (b"-0.0", True),
        (b"7.9", False),
        (b'"7"', False),
        (b"true", False),
        (b"9223372036854775807", True),
        (b"9223372036854775808.0", False),
        (b"-9223372036854775808.0", True),
        (b"1e30", False),
        (b"1.2e1", True),
        (b"9007199254740992.0", True),
        # What a float would have to round: another amount, or none at all.
        (b"9007199254740993.0", False),
        (b"12345678901234567e0", False),
        (b"4611686018427387904.5", False),
        (b"4.00000000000000000001", False),
        (b"1e-400", False),
        (b"1e-99999999999999999999", False),
        (b"-9223372036854775808.5", False),
    ],
)
def test_integers_are_whole_numbers_of_their_range(text: bytes, good: bool) -> None:
    body = changed("UpdatedLedger").replace(b"51200", text)
    if good:
        principal = json.loads(decode(delivery("UpdatedLedger", body)).inbox_json())["principal"]
        assert isinstance(principal, int)
        assert principal == float(text) or principal == int(text)
    else:
        with pytest.raises(BadMessage):
            decode(delivery("UpdatedLedger", body))


@covers("M12")
@pytest.mark.parametrize("value", ["yes", "on", "true", 0, 1, None])
def test_booleans_are_true_or_false(value: object) -> None:
    assert not is_good("TriggerTransfer", is_dispatching=value)


@covers("M12")
@pytest.mark.parametrize(("value", "good"), [(1, True), (10**25, True), (10**400, False), ("1", False), (True, False)])
def test_floats_are_finite_numbers(value: object, good: bool) -> None:
    assert is_good("AccountUpdate", interest=value) is good


@covers("M13")
@pytest.mark.parametrize(("amount", "text"), [(0, b":0.0,"), (1, b":1.0,"), (10**30, b":1e+30,"), (0.5, b":0.5,")])
def test_floats_are_written_with_a_point_or_an_exponent(amount: float, text: bytes) -> None:
    assert text in encode("ConfigureAccount", {**EXAMPLES["ConfigureAccount"], "negligible_amount": amount})


@covers("M14")
@pytest.mark.parametrize("type_name", ["RejectedTransfer", "PreparedTransfer", "FinalizedTransfer"])
def test_replies_to_other_coordinators_are_refused(type_name: str) -> None:
    assert is_good(type_name)
    assert not is_good(type_name, coordinator_type="direct")
    assert is_good("AccountTransfer", coordinator_type="direct")


@covers("M15")
def test_account_ids_are_ascii_and_not_too_long() -> None:
    for type_name, empty_is_good in (
        ("UpdatedLedger", True),
        ("ActivateCollector", False),
        ("AccountIdResponse", True),
    ):
        assert is_good(type_name, account_id="x" * 100)
        assert not is_good(type_name, account_id="x" * 101)
        assert not is_good(type_name, account_id="é")
        assert is_good(type_name, account_id="") is empty_is_good


OF_ATTEMPTS = ("TriggerTransfer", "AccountIdRequest", "AccountIdResponse")


@covers("N1.3", "V14.5")
@pytest.mark.parametrize("type_name", OF_ATTEMPTS)
@pytest.mark.parametrize(
    ("kind", "is_dispatching", "expected"),
    [
        (0, ..., {"is_dispatching": False}),
        (1, ..., {"is_dispatching": True}),
        (2, ..., {"is_dispatching": False, "transfer_kind": 2}),
        (0, False, {"is_dispatching": False}),
        (1, True, {"is_dispatching": True}),
        (2, False, {"is_dispatching": False, "transfer_kind": 2}),
        (..., True, {"is_dispatching": True}),
        (0, True, None),
        (1, False, None),
        (2, True, None),
        (3, ..., None),
        (4, ..., None),
        (-1, ..., None),
        (True, ..., None),
        (None, True, None),
        ("1", ..., None),
        (..., ..., None),
    ],
)
def test_the_kind_of_a_transfer_may_be_said_in_either_form(
    type_name: str, kind: object, is_dispatching: object, expected: dict[str, object] | None
) -> None:
    fields = {"transfer_kind": kind, "is_dispatching": is_dispatching}
    if expected is None:
        assert not is_good(type_name, **fields)
        return
    message = decode(delivery(type_name, changed(type_name, **fields)))
    for text in (message.inbox_json(), encode_message(message.fields)):
        known = json.loads(text)
        assert {name: known[name] for name in fields if name in known} == expected


def test_nothing_is_sent_in_the_other_form() -> None:
    for type_name in OF_ATTEMPTS:
        assert b"transfer_kind" not in encode_message(decode(delivery(type_name, changed(type_name))).fields)


REFUSING_ZERO = {"NeededCollector", "ReviseAccountLock", "TriggerTransfer", "AccountIdRequest", "AccountIdResponse"}
REFUSING_ZERO |= {"StartSending", "StartDispatching"}


@covers("M16")
@pytest.mark.parametrize("type_name", sorted(STRUCTS))
def test_some_types_refuse_debtor_0(type_name: str) -> None:
    assert is_good(type_name, debtor_id=0) is (type_name not in REFUSING_ZERO)


@covers("M17")
@pytest.mark.parametrize(
    ("type_name", "field", "empty_is_good"),
    [
        ("FetchDebtorInfo", "iri", False),
        ("FetchDebtorInfo", "forced_iri", True),
        ("StoreDocument", "debtor_info_locator", False),
        ("StoreDocument", "peg_debtor_info_locator", False),
        ("DiscoverDebtor", "iri", False),
        ("ConfirmDebtor", "debtor_info_locator", False),
    ],
)
def test_addresses_have_200_characters_at_most(type_name: str, field: str, empty_is_good: bool) -> None:
    assert is_good(type_name, **{field: "é" * 200})
    assert not is_good(type_name, **{field: "x" * 201})
    assert is_good(type_name, **{field: ""}) is empty_is_good


@covers("M17")
def test_an_empty_forced_iri_is_null() -> None:
    message = decode(delivery("FetchDebtorInfo", changed("FetchDebtorInfo", forced_iri="")))
    assert json.loads(message.inbox_json())["forced_iri"] is None


@covers("M30")
@pytest.mark.parametrize("value", ["collecting", "sending", "other", "", None, 1])
def test_a_trigger_may_tell_of_an_unpaid_amount(value: object) -> None:
    assert is_good("TriggerTransfer", unpaid=value) is (value in ("collecting", "sending"))
    assert b"unpaid" not in decode(delivery("TriggerTransfer", changed("TriggerTransfer", unpaid=...))).inbox_json()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-05T02:10:00Z", "2026-01-05T02:10:00+00:00"),
        ("2026-01-05 02:10:00.25+00:00", "2026-01-05T02:10:00.250000+00:00"),
        ("2026-01-05T02:10:00.9999999Z", "2026-01-05T02:10:00.999999+00:00"),
        ("2026-01-05T02:10:00.000000+00:00", "2026-01-05T02:10:00+00:00"),
        ("2026-01-05T02:10+05", "2026-01-04T21:10:00+00:00"),
        ("2026-01-05T02:10:00-0530", "2026-01-05T07:40:00+00:00"),
        ("2026-01-05T02:10:00+05:30", "2026-01-04T20:40:00+00:00"),
        ("9999-12-31T23:59:59+00:00", "9999-12-31T23:59:59+00:00"),
        ("1970-01-01T00:00:00+00:00", "1970-01-01T00:00:00+00:00"),
    ],
)
def test_moments_have_many_forms(text: str, expected: str) -> None:
    assert format_moment(parse_moment(text)) == expected
    message = decode(delivery("NeededCollector", changed("NeededCollector", ts=text)))
    assert encode_message(message.fields).endswith(f'"ts":"{expected}"}}'.encode())


@pytest.mark.parametrize(
    "text",
    [
        "20260105T021000Z", "2026-01-05", "2026-01-05T02Z", "2026-01-05t02:10:00Z", "2026-01-05T02:10:00z", "",
        "2026-01-05T02:10:00 Z", "2026-01-05  02:10:00Z", "2026-02-30T02:10:00Z", "2026-01-05T24:00:00Z",
        "2026-01-05T02:60:00Z", "2026-01-05T02:10:60Z", "2026-01-05T02:10:00.Z", "2026-01-05T02:10:00,5Z",
        "2026-01-05T02:10:00+24:00", "2026-01-05T02:10:00+05:60", "2026-01-05T02:10:00Z\n", "٢026-01-05T02:10:00Z",
        "infinity", "now",
    ],
)  # fmt: skip
def test_other_forms_of_moments_are_refused(text: str) -> None:
    assert not is_good("NeededCollector", ts=text)
    with pytest.raises(ValueError, match=r"."):
        parse_moment(text)


def test_long_fraction_beside_many_digits_of_a_float() -> None:
    message = read("AccountUpdate", changed("AccountUpdate", interest=0.123456789, ts="2026-01-05T02:10:00.1234569Z"))
    fields = json.loads(message.inbox_json())
    assert (fields["interest"], fields["ts"]) == (0.123456789, "2026-01-05T02:10:00.123456Z")


def test_encode_takes_what_postgresql_prints() -> None:
    fields = {
        "ts": "2026-01-05T02:00:12.5+00:00",
        "peg_exchange_rate": 1,
        "peg_debtor_id": 666,
        "debtor_id": -123,
        "will_not_change_until": "2026-06-30T00:00:00+00:00",
        "debtor_info_locator": "https://example.com/монета",
        "peg_debtor_info_locator": 'quo"te\\',
    }
    assert encode("StoreDocument", fields).decode() == (
        '{"type":"StoreDocument","debtor_info_locator":"https://example.com/монета","debtor_id":-123,'
        '"peg_debtor_info_locator":"quo\\"te\\\\","peg_debtor_id":666,"peg_exchange_rate":1.0,'
        '"will_not_change_until":"2026-06-30T00:00:00+00:00","ts":"2026-01-05T02:00:12.500000+00:00"}'
    )


@pytest.mark.parametrize(
    "changes",
    [{"debtor_id": 0}, {"debtor_id": None}, {"ts": "yesterday"}, {"ts": "infinity"}, {"debtor_id": 2**63}],
)
def test_encode_refuses_what_decode_refuses(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        encode("NeededCollector", {**EXAMPLES["NeededCollector"], **changes})


def test_messages_are_built_from_datetimes() -> None:
    message = build("NeededCollector", {"debtor_id": 5, "ts": datetime(2026, 1, 5, 2, 10, tzinfo=UTC)})
    assert message.sharding_key == 5
    assert encode_message(message) == b'{"type":"NeededCollector","debtor_id":5,"ts":"2026-01-05T02:10:00+00:00"}'


def test_a_document_without_names_is_the_message_that_others_know() -> None:
    (body,) = (body for name, _, body in WORKED if name == "StoreDocument")
    assert b"name" not in body
    named = json.loads(body) | {"name": "Монета", "abbreviation": "M"}
    sent = json.loads(encode("StoreDocument", named))
    assert sent == named
    assert list(sent)[-3:] == ["name", "abbreviation", "ts"]
    assert is_good("StoreDocument", name="x" * 40)
    for bad in ("", "x" * 41, 7):
        assert not is_good("StoreDocument", name=bad)

from __future__ import annotations

import pytest

from bridge.messages.catalogue import STRUCTS
from bridge.wire.sharding import Realm, binary_routing_key, hash16, hash32, hexadecimal_routing_key, lane_of
from tests.bridge.messages.examples import EXAMPLES, WORKED
from tests.covering import covers

MIN64, MAX64 = -(2**63), 2**63 - 1
IRI = "https://example.com/iri"


@covers("V1.1")
@pytest.mark.parametrize(("key", "expected"), [(0, 32234), (1, -1446), (2, -6539), (3, 22891)])
def test_small_numbers_have_the_known_hashes(key: int, expected: int) -> None:
    assert hash16(key) == expected


@covers("V1.2")
@pytest.mark.parametrize(("key", "expected"), [(123, -1008), (-123, -15362), (666, -28740), (888, 30810), (-1, -15669)])
def test_ordinary_and_negative_ids_have_the_known_hashes(key: int, expected: int) -> None:
    assert hash16(key) == expected


@covers("V1.3")
@pytest.mark.parametrize(("key", "expected"), [(0x10000000000, -10672), (0x100000007FF, -11661)])
def test_the_first_and_last_collectors_have_the_known_hashes(key: int, expected: int) -> None:
    assert hash16(key) == expected


@covers("V1.4")
@pytest.mark.parametrize(("key", "expected"), [(MAX64, -17057), (MIN64, 21568)])
def test_the_extreme_ids_have_the_known_hashes(key: int, expected: int) -> None:
    assert hash16(key) == expected


@covers("V1.5")
def test_the_routing_key_of_a_number_has_24_bits() -> None:
    assert binary_routing_key(123) == "1.1.1.1.1.1.0.0.0.0.0.1.0.0.0.0.0.1.1.0.0.0.1.1"


@covers("V1.6")
def test_the_routing_key_of_a_text_has_24_bits() -> None:
    assert binary_routing_key("https://example.com/666") == "0.0.0.0.1.1.0.1.1.0.1.0.0.0.0.0.0.1.1.0.1.1.1.1"


@covers("V1.7")
@pytest.mark.parametrize(
    ("debtor_id", "expected"),
    [
        (10, "00.00.00.00.00.00.00.0a"),
        (0, "00.00.00.00.00.00.00.00"),
        (666, "00.00.00.00.00.00.02.9a"),
        (-1, "ff.ff.ff.ff.ff.ff.ff.ff"),
        (-2, "ff.ff.ff.ff.ff.ff.ff.fe"),
        (1234567890123456789, "11.22.10.f4.7d.e9.81.15"),
        (MAX64, "7f.ff.ff.ff.ff.ff.ff.ff"),
        (MIN64, "80.00.00.00.00.00.00.00"),
    ],
)
def test_the_routing_key_of_an_authority_is_hexadecimal(debtor_id: int, expected: str) -> None:
    assert hexadecimal_routing_key(debtor_id) == expected


@covers("V1.8")
@pytest.mark.parametrize(("key", "expected"), [(1, True), (2, True), (3, False), (123, True)])
def test_a_realm_matches_keys_by_the_bits_of_their_hash(key: int, expected: bool) -> None:
    assert Realm.parse("1.#").matches(key) is expected


@covers("V1.9")
def test_a_realm_has_a_mask_and_bits() -> None:
    realm = Realm.parse("1.#")
    assert (realm.mask >> 16, realm.realm >> 16) == (-32768, -32768)


@covers("V1.10")
def test_a_realm_knows_what_was_of_its_parent() -> None:
    realm = Realm.parse("1.0.#")
    assert realm.matches(666)
    assert not realm.matches(1)
    assert realm.parent_matches(1)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (123, "1.1.1.1.1.1.0.0.0.0.0.1.0.0.0.0.0.1.1.0.0.0.1.1"),
        (-123, "1.1.0.0.0.0.1.1.1.1.1.1.1.1.1.0.1.0.1.0.1.1.1.1"),
        (0, "0.1.1.1.1.1.0.1.1.1.1.0.1.0.1.0.0.0.1.1.0.1.1.0"),
        (1, "1.1.1.1.1.0.1.0.0.1.0.1.1.0.1.0.1.1.0.1.1.0.0.1"),
        (-1, "1.1.0.0.0.0.1.0.1.1.0.0.1.0.1.1.0.1.0.1.0.1.1.0"),
        (666, "1.0.0.0.1.1.1.1.1.0.1.1.1.1.0.0.1.1.0.0.0.1.0.0"),
        (1099511627776, "1.1.0.1.0.1.1.0.0.1.0.1.0.0.0.0.1.1.1.0.0.0.1.1"),
        (MIN64, "0.1.0.1.0.1.0.0.0.1.0.0.0.0.0.0.1.0.0.1.1.1.1.0"),
        (MAX64, "1.0.1.1.1.1.0.1.0.1.0.1.1.1.1.1.0.1.1.0.0.1.0.1"),
        (IRI, "0.1.0.0.0.0.1.1.1.1.0.1.0.1.0.0.1.1.0.0.0.1.0.1"),
        ("https://currencies.swaptacular.org/USD", "0.1.0.1.1.1.0.1.0.1.1.1.1.0.0.0.1.0.0.1.1.1.1.1"),
        ("https://example.com/монета", "1.0.0.1.1.0.0.0.0.1.1.0.1.1.1.0.0.0.1.1.1.1.0.1"),
    ],
)
def test_a_binary_routing_key_is_the_hash_in_bits(key: int | str, expected: str) -> None:
    assert binary_routing_key(key) == expected


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("#", (0, 0, 0, 0)),
        ("1.#", (0x80000000, 0x80000000, 0, 0)),
        ("0.1.#", (0x40000000, 0xC0000000, 0, 0x80000000)),
        ("1." * 16 + "#", (0xFFFF0000, 0xFFFF0000, 0xFFFE0000, 0xFFFE0000)),
    ],
)
def test_a_realm_is_four_signed_words(key: str, words: tuple[int, int, int, int]) -> None:
    realm = Realm.parse(key)
    found = (realm.realm, realm.mask, realm.parent_realm, realm.parent_mask)
    assert tuple(word & 0xFFFFFFFF for word in found) == words
    assert all(-(2**31) <= word < 2**31 for word in found)


@pytest.mark.parametrize(
    ("key", "in_0", "in_1", "parent_of_01"),
    [(0, 1, 0, 1), (1, 0, 1, 0), (3, 1, 0, 1), (123, 0, 1, 0), (-123, 0, 1, 0), (666, 0, 1, 0), (IRI, 1, 0, 1)],
)
def test_a_key_belongs_to_a_realm_by_its_hash(key: int | str, in_0: int, in_1: int, parent_of_01: int) -> None:
    assert Realm.parse("0.#").matches(key) == in_0
    assert Realm.parse("1.#").matches(key) == in_1
    assert Realm.parse("0.1.#").parent_matches(key) == parent_of_01
    assert Realm.parse("#").matches(key)
    assert Realm.parse("#").parent_matches(key)
    assert Realm.parse("1.#").matches_hash(hash32(key)) == in_1


def test_iri_is_in_0_1() -> None:
    assert Realm.parse("0.1.#").matches(IRI)


@covers("M2")
@pytest.mark.parametrize(
    "key", ["", "1", "1.", "#\n", "1.#\n", "2.#", "0.1", "01.#", ".#", " #", "#.1", "0." * 17 + "#"]
)
def test_binding_keys_are_up_to_16_bits(key: str) -> None:
    with pytest.raises(ValueError, match="binding key"):
        Realm.parse(key)


def test_lane_is_in_the_low_bits() -> None:
    assert hash32(123) & 0xFFFFFFFF == 0xFC1063E1
    assert [lane_of(hash32(123), count) for count in (1, 2, 8, 256)] == [0, 1, 1, 0xE1]
    assert {lane_of(hash32(key), 8) for key in range(200)} == set(range(8))


@pytest.mark.parametrize(("type_name", "routing_key", "body"), WORKED)
def test_every_type_has_its_sharding_key(type_name: str, routing_key: str, body: bytes) -> None:
    example = EXAMPLES[type_name]
    if type_name in ("ConfigureAccount", "PrepareTransfer", "FinalizeTransfer"):
        assert hexadecimal_routing_key(example["debtor_id"]) == routing_key
        assert STRUCTS[type_name].sharding_field == "creditor_id"
    else:
        assert binary_routing_key(example[STRUCTS[type_name].sharding_field]) == routing_key

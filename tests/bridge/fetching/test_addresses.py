"""Which addresses are those of the Internet, whatever the version of Python thinks."""

from __future__ import annotations

import pytest

from bridge.fetching.addresses import is_public, neighbourhood
from tests.covering import covers


@covers("G18")
@pytest.mark.parametrize(
    "address",
    [
        "93.184.216.34", "8.8.8.8", "1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0",
        "126.255.255.255", "128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0",
        "192.0.0.9", "192.0.0.10", "192.0.1.0", "192.0.3.0", "192.31.196.1", "192.52.193.1", "192.88.98.255",
        "192.88.100.0", "192.167.255.255", "192.169.0.0", "192.175.48.1", "198.17.255.255", "198.20.0.0",
        "198.51.99.255", "198.51.101.0", "203.0.112.255", "203.0.114.0", "223.255.255.255",
        "2606:4700:4700::1111", "2000::1", "2001:200::1", "2001:db7:ffff::1", "2001:db9::", "2001:1::1", "2001:1::2",
        "2001:1::3", "2001:3::1", "2001:4:112::1", "2003::1", "2620:4f:8000::1", "3ffe:ffff::1", "3fff:1000::",
        "::ffff:8.8.8.8", "64:ff9b::808:808",
    ],
)  # fmt: skip
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)


@covers("G18")
@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.1.2.3",
        "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.0", "192.0.0.1", "192.0.0.8", "192.0.0.11",
        "192.0.0.170", "192.0.0.171", "192.0.0.255", "192.0.2.1", "192.88.99.1", "192.88.99.2", "192.168.1.1",
        "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1",
        "255.255.255.255",
    ],
)  # fmt: skip
def test_special_ipv4_addresses_are_not_public_in_any_form(address: str) -> None:
    assert not is_public(address)
    assert not is_public(f"::ffff:{address}")
    assert not is_public(f"64:ff9b::{address}")


@covers("G18")
@pytest.mark.parametrize(
    "address",
    [
        "::", "::1", "::2", "::127.0.0.1", "::8.8.8.8", "::ffff:0:8.8.8.8", "64:ff9b:0:0:0:1:808:808", "64:ff9b:1::1",
        "64:ff9b:1:ffff::808:808", "64:ff9b:2::1", "100::1", "100:0:0:1::1", "100:1::1", "1fff:ffff::1",
        "2001::1", "2001:0:808:808::1", "2001:1::4", "2001:2::1", "2001:4::1", "2001:4:113::1", "2001:10::1",
        "2001:20::1", "2001:2f:ffff::1", "2001:30::1", "2001:1ff:ffff::1", "2001:db8::1", "2002::1",
        "2002:7f00:1::1", "2002:808:808::1", "2002:c058:6301::1", "3fff::1", "3fff:fff:ffff::1", "4000::1", "5f00::1",
        "5f00:ffff::1", "8000::1", "fc00::1", "fdff::1", "fe80::1", "fe80::1%eth0", "febf::1", "fec0::1", "feff::1",
        "ff02::1", "ff0e::1", "ffff::1",
    ],
)  # fmt: skip
def test_special_ipv6_addresses_are_not_public(address: str) -> None:
    assert not is_public(address)


def test_neighbours_share_a_server() -> None:
    assert neighbourhood("2001:db8:0:1::1") == neighbourhood("2001:db8:0:1:ffff::2") == "2001:db8:0:1::/64"
    assert neighbourhood("fe80::1%eth0") == "fe80::/64"
    assert neighbourhood("192.0.2.1") != neighbourhood("192.0.2.2")

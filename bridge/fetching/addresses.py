"""Which addresses belong to the public Internet.

The table is our own, after the IANA registries of special-purpose addresses (IPv4 and IPv6) and of the IPv6 address
space as of 2026, because what `ipaddress` says depends on the version of Python.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_SPECIAL_V4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this host
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # behind the NAT of a provider
            "127.0.0.0/8",  # loopback
            "169.254.0.0/16",  # link-local, and the metadata of clouds
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # protocols, with the exceptions below
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # relays of 6to4
            "192.168.0.0/16",  # private
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and broadcast
        ),
    )
)
_PUBLIC_V4 = (IPv4Network("192.0.0.9/32"), IPv4Network("192.0.0.10/32"))  # anycast of PCP and TURN

# All that has been given to anybody. What is outside is private, local, multicast, or nobody's.
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_SPECIAL_V6 = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocols (Teredo, benchmarks, ORCHID and DRIP, which are names), with the exceptions below
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4, which leads to any IPv4 address
            "3fff::/20",  # documentation
        ),
    )
)
_PUBLIC_V6 = tuple(
    map(
        IPv6Network,
        (
            "2001:1::1/128",  # anycast of PCP
            "2001:1::2/128",  # anycast of TURN
            "2001:1::3/128",  # anycast of DNS-SD
            "2001:3::/32",  # AMT
            "2001:4:112::/48",  # AS112
        ),
    )
)

# They stand for the IPv4 address in their last 32 bits: mapped ones, and those of a NAT64 in an IPv6-only network.
_STAND_FOR_V4 = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))


def is_public(address: str) -> bool:
    """Whether this is an ordinary address of the Internet: not loopback, private, link-local or otherwise special.

    IPv6 addresses that stand for an IPv4 address are judged by that. Raises ValueError for what is no address.
    """
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv4Address):
        return _is_public_v4(ip)
    if any(ip in network for network in _STAND_FOR_V4):
        return _is_public_v4(IPv4Address(int(ip) & 0xFFFFFFFF))
    return _is_public_v6(ip)


def _is_public_v4(ip: IPv4Address) -> bool:
    return any(ip in network for network in _PUBLIC_V4) or not any(ip in network for network in _SPECIAL_V4)


def _is_public_v6(ip: IPv6Address) -> bool:
    if any(ip in network for network in _PUBLIC_V6):
        return True
    return ip in _GLOBAL_UNICAST and not any(ip in network for network in _SPECIAL_V6)


def neighbourhood(address: str) -> str:
    """What shares one server, most likely: an IPv4 address, or the /64 network of an IPv6 address."""
    ip = ip_address(address.partition("%")[0])
    return str(IPv6Network((ip, 64), strict=False)) if isinstance(ip, IPv6Address) else str(ip)

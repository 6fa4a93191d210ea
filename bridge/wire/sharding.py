"""Which shard and which lane a key belongs to, and the routing keys made from it.

The hash of a sharding key is the first 32 bits of its MD5: integers as 8 bytes, big-endian, signed; strings as UTF-8.
High bits route to shards, low bits choose the lane, so a shard split moves no lane. PostgreSQL computes the same in
`worker.hash32`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import md5
from struct import Struct

_INT64 = Struct(">q")
_HASH = Struct(">i")
_BINDING_KEY = re.compile(r"(?:[01]\.){0,16}#")
_BYTE_BITS = tuple(".".join(f"{byte:08b}") for byte in range(256))

BINARY_KEY_BYTES = 3


def _digest(key: int | str) -> bytes:
    return md5(_INT64.pack(key) if isinstance(key, int) else key.encode(), usedforsecurity=False).digest()


def hash32(key: int | str) -> int:
    """The hash of a sharding key, as a signed 32-bit integer."""
    value: int = _HASH.unpack_from(_digest(key))[0]
    return value


def hash16(key: int | str) -> int:
    """The first half of the hash, as a signed 16-bit integer: what the solver database stores."""
    return hash32(key) >> 16


def binary_routing_key(key: int | str) -> str:
    """The routing key on `to_trade`: the first 24 bits of the hash, joined with dots."""
    return ".".join([_BYTE_BITS[byte] for byte in _digest(key)[:BINARY_KEY_BYTES]])


def hexadecimal_routing_key(debtor_id: int) -> str:
    """The routing key on `creditors_out`: the 8 bytes of the debtor ID in hexadecimal, joined with dots."""
    return _INT64.pack(debtor_id).hex(".")


def lane_of(hash_value: int, lane_count: int) -> int:
    """The lane of a key with this hash; `lane_count` is a power of two."""
    return hash_value & (lane_count - 1)


def _signed32(value: int) -> int:
    return value - 2**32 if value >= 2**31 else value


@dataclass(frozen=True, slots=True)
class Realm:
    """The part of the key space that a shard owns. All words are signed 32-bit integers, as in the database."""

    binding_key: str
    mask: int
    realm: int
    parent_mask: int
    parent_realm: int

    @classmethod
    def parse(cls, binding_key: str) -> Realm:
        """Reads a binding key such as `0.1.#`. Raises ValueError unless it has 0 to 16 bits and ends with `#`."""
        if not _BINDING_KEY.fullmatch(binding_key):
            raise ValueError(f"not a binding key of 0 to 16 bits, such as 0.1.#: {binding_key!r}")
        bits = binding_key.replace(".", "")[:-1]
        mask, realm = _mask_and_realm(bits)
        parent_mask, parent_realm = _mask_and_realm(bits[:-1])
        return cls(binding_key, mask, realm, parent_mask, parent_realm)

    def matches_hash(self, hash_value: int) -> bool:
        return hash_value & self.mask == self.realm

    def matches(self, key: int | str) -> bool:
        """Whether the sharding key belongs to this shard."""
        return hash32(key) & self.mask == self.realm

    def parent_matches(self, key: int | str) -> bool:
        """Whether the key belonged to the shard that this one was split from."""
        return hash32(key) & self.parent_mask == self.parent_realm


def _mask_and_realm(bits: str) -> tuple[int, int]:
    free = 32 - len(bits)
    return _signed32((2 ** len(bits) - 1) << free), _signed32(int(bits or "0", 2) << free)

"""Who is who: account IDs, agents' blocks of creditor IDs, and the order of an account's states."""

from __future__ import annotations

import re
from datetime import date

MIN_INT64 = -(2**63)
MAX_INT64 = 2**63 - 1
ROOT_CREDITOR_ID = 0
DEFAULT_MIN_COLLECTOR_ID = 0x0000010000000000
DEFAULT_MAX_COLLECTOR_ID = 0x00000100000007FF

_AGENT_BLOCK_MASK = 0xFFFFFF0000000000
_U64_MASK = 0xFFFFFFFFFFFFFFFF
_U64_PATTERN = re.compile(r"[0-9]{1,20}")
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


def u64(number: int) -> str:
    """The decimal unsigned 64-bit form of a signed ID."""
    return str(number & _U64_MASK)


def parse_u64(text: str) -> int | None:
    """The signed ID behind an unsigned decimal number, or None when `text` is no such number."""
    if not _U64_PATTERN.fullmatch(text):
        return None
    number = int(text)
    if number > _U64_MASK:
        return None
    return number - 2**64 if number > MAX_INT64 else number


def agent_block(creditor_id: int) -> int:
    """The top 24 bits of a creditor ID, which name its creditors agent; 0 is nobody's."""
    return creditor_id & _AGENT_BLOCK_MASK


def same_agent(a: int, b: int) -> bool:
    """Whether two creditor IDs belong to one creditors agent."""
    return agent_block(a) == agent_block(b) != 0


def is_later_seqnum(a: int, b: int) -> bool:
    """Whether the wrapping 32-bit sequence number `a` comes after `b`."""
    return 0 < (a - b) % 2**32 < 2**31


def next_seqnum(seqnum: int) -> int:
    """The successor of a 32-bit sequence number: 2147483647 is followed by -2147483648."""
    return -(2**31) if seqnum == 2**31 - 1 else seqnum + 1


def last_transfer_id(creation_date: date) -> int:
    """The number below an account's first transfer ID: transfer IDs of a re-created account never repeat old ones."""
    return (creation_date.toordinal() - _EPOCH_ORDINAL) << 40

"""Periods and limits of the authority. The defaults are those of a real one; a demo scales them down."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

AccountIdMode = Literal["u64", "opaque"]


@dataclass(frozen=True, slots=True)
class AuthoritySettings:
    """What an operator of an authority may choose.

    `account_ids`: `u64` writes the creditor ID as an unsigned decimal number, `opaque` invents a random ID each time an
    account comes into existence. Rates are in percent per year.
    """

    account_ids: AccountIdMode = "u64"
    demurrage_rate: float = -50.0
    commit_period: timedelta = timedelta(days=90)
    transfer_note_max_bytes: int = 500
    ttl: timedelta = timedelta(days=7)
    # How long committed money travels before it reaches the recipient.
    credit_delay: timedelta = timedelta(seconds=1)
    # An AccountUpdate after a transfer waits this long, and then tells about all transfers since.
    update_merge_delay: timedelta = timedelta(hours=8)
    # How often every account is looked at: heartbeats, rate changes, capitalisation, deletion, purge.
    pass_period: timedelta = timedelta(hours=8)
    heartbeat_period: timedelta = timedelta(days=7)
    reminder_period: timedelta = timedelta(days=7)
    reminder_pass_period: timedelta = timedelta(days=1)
    max_config_delay: timedelta = timedelta(days=7)
    rate_change_spacing: timedelta = timedelta(days=8)
    capitalisation_period: timedelta = timedelta(days=14)
    deletion_period: timedelta = timedelta(days=14)
    purge_delay: timedelta = timedelta(days=106)
    min_account_age: timedelta = timedelta(days=3)
    max_pending_transfers: int = 2**31 - 1

"""Short ways to talk with an authority in tests."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

from sandbox.authority import Authority
from sandbox.authority.state import Account
from sandbox.protocol import smp

DEBTOR = 4294967297
SELLER = 1103806595073
BUYER = 1103806595074
COLLECTOR = 1099511628721

FAR_FUTURE = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
_REQUEST_IDS = itertools.count(1000)


def configure(
    creditor_id: int, ts: datetime, *, seqnum: int = 0, flags: int = 0, negligible: float = 0.0, data: str = ""
) -> smp.ConfigureAccount:
    return smp.ConfigureAccount(
        debtor_id=DEBTOR,
        creditor_id=creditor_id,
        ts=ts,
        seqnum=seqnum,
        negligible_amount=negligible,
        config_data=data,
        config_flags=flags,
    )


def prepare(
    sender: int,
    recipient: str,
    ts: datetime,
    *,
    least: int = 0,
    most: int = 0,
    kind: str = "agent",
    coordinator_id: int | None = None,
    final_rate_ts: datetime = FAR_FUTURE,
    max_commit_delay: int = 2**31 - 1,
) -> smp.PrepareTransfer:
    return smp.PrepareTransfer(
        debtor_id=DEBTOR,
        creditor_id=sender,
        coordinator_type=kind,
        coordinator_id=sender if coordinator_id is None else coordinator_id,
        coordinator_request_id=next(_REQUEST_IDS),
        min_locked_amount=least,
        max_locked_amount=most,
        recipient=recipient,
        final_interest_rate_ts=final_rate_ts,
        max_commit_delay=max_commit_delay,
        ts=ts,
    )


def finalize(prepared: smp.PreparedTransfer, amount: int, ts: datetime) -> smp.FinalizeTransfer:
    return smp.FinalizeTransfer(
        debtor_id=prepared.debtor_id,
        creditor_id=prepared.creditor_id,
        transfer_id=prepared.transfer_id,
        coordinator_type=prepared.coordinator_type,
        coordinator_id=prepared.coordinator_id,
        coordinator_request_id=prepared.coordinator_request_id,
        committed_amount=amount,
        transfer_note_format="-cXchge" if amount else "",
        transfer_note="",
        ts=ts,
    )


def only(messages: list[smp.Message], kind: type[smp.M]) -> smp.M:
    """The one message of the kind."""
    (found,) = of_kind(messages, kind)
    return found


def of_kind(messages: list[smp.Message], kind: type[smp.M]) -> list[smp.M]:
    return [message for message in messages if isinstance(message, kind)]


def account(authority: Authority, creditor_id: int) -> Account:
    found = authority.account(DEBTOR, creditor_id)
    assert found is not None
    return found


def try_prepare(authority: Authority, request: smp.PrepareTransfer) -> smp.PreparedTransfer | str:
    """The prepared transfer, or the code of its rejection."""
    answer = next(
        message
        for message in authority.step([request])
        if isinstance(message, smp.PreparedTransfer | smp.RejectedTransfer)
        and message.coordinator_request_id == request.coordinator_request_id
    )
    return answer if isinstance(answer, smp.PreparedTransfer) else answer.status_code


def prepared(authority: Authority, request: smp.PrepareTransfer) -> smp.PreparedTransfer:
    answer = try_prepare(authority, request)
    assert isinstance(answer, smp.PreparedTransfer), answer
    return answer

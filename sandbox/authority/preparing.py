"""PrepareTransfer: the checks in their order, and the lock."""

from __future__ import annotations

import logging
from datetime import datetime

from sandbox.authority import rules
from sandbox.authority.books import Books
from sandbox.authority.state import Account, PreparedTransfer
from sandbox.protocol import smp
from sandbox.protocol.identity import ROOT_CREDITOR_ID, same_agent

logger = logging.getLogger(__name__)


def check_form(request: smp.PrepareTransfer) -> None:
    """Raises `MalformedMessageError` for a request that gets no answer at all."""
    if request.max_locked_amount < request.min_locked_amount:
        raise smp.MalformedMessageError("max_locked_amount < min_locked_amount")
    if request.coordinator_type == "issuing" and (
        request.creditor_id != ROOT_CREDITOR_ID or request.coordinator_id != request.debtor_id
    ):
        raise smp.MalformedMessageError("only the debtor issues money")
    if request.coordinator_type == "direct" and request.coordinator_id != request.creditor_id:
        raise smp.MalformedMessageError("direct transfers are coordinated by their sender")


def prepare_transfer(books: Books, request: smp.PrepareTransfer, now: datetime) -> PreparedTransfer | None:
    """Locks the money and answers PreparedTransfer, or answers RejectedTransfer and returns None.

    There is no memory of requests: a repeated one is a new one, with a second lock.
    """
    sender = books.live((request.debtor_id, request.creditor_id))
    forced = books.faults.reject_prepare(request) if request.coordinator_type == "agent" else None
    if forced is not None:
        return _reject(books, request, forced, 0 if sender is None else sender.total_locked_amount, now)

    recipient_id = _reachable_recipient(books, request)
    if recipient_id is None:
        return _reject(books, request, rules.RECIPIENT_IS_UNREACHABLE, 0, now)
    if sender is None:
        return _reject(books, request, rules.SENDER_IS_UNREACHABLE, 0, now)
    if request.coordinator_type == "agent" and not _is_agents_own(request, recipient_id):
        return _reject(books, request, rules.RECIPIENT_IS_UNREACHABLE, 0, now)

    lockable = rules.lockable_amount(
        request.max_locked_amount,
        sender.balance_floor(now) - sender.total_locked_amount,
        books.min_balance(sender),
    )
    code = _refusal(books, request, sender, recipient_id, lockable)
    if code is not None:
        return _reject(books, request, code, sender.total_locked_amount, now)

    terms = books.terms(sender)
    sender.last_transfer_id += 1
    transfer = PreparedTransfer(
        transfer_id=sender.last_transfer_id,
        coordinator_type=request.coordinator_type,
        coordinator_id=request.coordinator_id,
        coordinator_request_id=request.coordinator_request_id,
        locked_amount=lockable,
        recipient=request.recipient,
        recipient_id=recipient_id,
        prepared_at=now,
        demurrage_rate=terms.demurrage_rate,
        deadline=rules.commit_deadline(now, terms.commit_period, request.ts, request.max_commit_delay),
        final_interest_rate_ts=request.final_interest_rate_ts,
        reminded_at=now,
    )
    sender.total_locked_amount += lockable
    sender.transfers[transfer.transfer_id] = transfer
    tell_prepared(books, sender, transfer, now)
    return transfer


def tell_prepared(books: Books, sender: Account, transfer: PreparedTransfer, ts: datetime) -> None:
    """Sends PreparedTransfer: the answer to a request, or a reminder with a later `ts`."""
    books.outbox.append(
        smp.PreparedTransfer(
            debtor_id=sender.debtor_id,
            creditor_id=sender.creditor_id,
            transfer_id=transfer.transfer_id,
            coordinator_type=transfer.coordinator_type,
            coordinator_id=transfer.coordinator_id,
            coordinator_request_id=transfer.coordinator_request_id,
            locked_amount=transfer.locked_amount,
            recipient=transfer.recipient,
            prepared_at=transfer.prepared_at,
            demurrage_rate=transfer.demurrage_rate,
            deadline=transfer.deadline,
            final_interest_rate_ts=transfer.final_interest_rate_ts,
            ts=ts,
        )
    )


def _reachable_recipient(books: Books, request: smp.PrepareTransfer) -> int | None:
    if books.faults.is_unreachable(request.debtor_id, request.recipient):
        return None
    recipient_id = books.resolve(request.debtor_id, request.recipient)
    # Agent transfers reach accounts that are scheduled for deletion, deleted or missing: a commit revives them.
    if recipient_id is None or recipient_id == ROOT_CREDITOR_ID or request.coordinator_type == "agent":
        return recipient_id
    recipient = books.live((request.debtor_id, recipient_id))
    return None if recipient is None or recipient.is_scheduled_for_deletion else recipient_id


def _is_agents_own(request: smp.PrepareTransfer, recipient_id: int) -> bool:
    if not same_agent(request.creditor_id, recipient_id):
        return False
    if not same_agent(request.creditor_id, request.coordinator_id):
        logger.error("coordinator %s is not of the agent of creditor %s", request.coordinator_id, request.creditor_id)
        return False
    return True


def _refusal(
    books: Books, request: smp.PrepareTransfer, sender: Account, recipient_id: int, lockable: int
) -> str | None:
    if len(sender.transfers) >= books.settings.max_pending_transfers:
        return rules.TOO_MANY_TRANSFERS
    if recipient_id == sender.creditor_id:
        return rules.RECIPIENT_SAME_AS_SENDER
    if sender.last_interest_rate_change_ts > request.final_interest_rate_ts:
        return rules.NEWER_INTEREST_RATE
    if lockable < request.min_locked_amount:
        return rules.INSUFFICIENT_AVAILABLE_AMOUNT
    return None


def _reject(
    books: Books, request: smp.PrepareTransfer, code: str, total_locked_amount: int, now: datetime
) -> PreparedTransfer | None:
    books.outbox.append(
        smp.RejectedTransfer(
            debtor_id=request.debtor_id,
            creditor_id=request.creditor_id,
            coordinator_type=request.coordinator_type,
            coordinator_id=request.coordinator_id,
            coordinator_request_id=request.coordinator_request_id,
            status_code=code,
            total_locked_amount=total_locked_amount,
            ts=now,
        )
    )
    return None

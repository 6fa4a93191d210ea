"""FinalizeTransfer: the sender's half of a payment. The recipient gets its half later, see `crediting`."""

from __future__ import annotations

from datetime import datetime

from sandbox.authority import rules
from sandbox.authority.books import Books
from sandbox.authority.state import Account, Credit, PreparedTransfer
from sandbox.protocol import smp


def check_form(request: smp.FinalizeTransfer) -> None:
    """Raises `MalformedMessageError` for a note that is too long; such a request gets no answer."""
    if len(request.transfer_note.encode()) > smp.MAX_NOTE_BYTES:
        raise smp.MalformedMessageError("transfer_note is too long")


def finalize_transfer(books: Books, request: smp.FinalizeTransfer, now: datetime) -> None:
    """Commits or dismisses a prepared transfer and answers FinalizedTransfer.

    A request that does not match an open transfer in all its keys is dropped in silence; so is a repeated one.
    """
    sender = books.live((request.debtor_id, request.creditor_id))
    transfer = sender.transfers.get(request.transfer_id) if sender else None
    if sender is None or transfer is None or not _matches(request, transfer):
        return

    code = _commit_status(books, request, sender, transfer, now)
    amount = request.committed_amount if code == rules.OK else 0
    del sender.transfers[transfer.transfer_id]
    sender.total_locked_amount -= transfer.locked_amount
    books.outbox.append(
        smp.FinalizedTransfer(
            debtor_id=request.debtor_id,
            creditor_id=request.creditor_id,
            transfer_id=transfer.transfer_id,
            coordinator_type=transfer.coordinator_type,
            coordinator_id=transfer.coordinator_id,
            coordinator_request_id=transfer.coordinator_request_id,
            committed_amount=amount,
            status_code=code,
            total_locked_amount=sender.total_locked_amount,
            prepared_at=transfer.prepared_at,
            ts=now,
        )
    )
    if amount > 0:
        _debit(books, request, sender, transfer, now)


def _matches(request: smp.FinalizeTransfer, transfer: PreparedTransfer) -> bool:
    return (
        request.coordinator_type == transfer.coordinator_type
        and request.coordinator_id == transfer.coordinator_id
        and request.coordinator_request_id == transfer.coordinator_request_id
    )


def _commit_status(
    books: Books, request: smp.FinalizeTransfer, sender: Account, transfer: PreparedTransfer, now: datetime
) -> str:
    amount = request.committed_amount
    if amount == 0:
        return rules.OK
    forced = books.faults.fail_commit(request, transfer) if transfer.coordinator_type == "agent" else None
    if forced is not None:
        return forced
    if now > transfer.deadline:
        return rules.TIMEOUT
    if sender.last_interest_rate_change_ts > transfer.final_interest_rate_ts:
        return rules.NEWER_INTEREST_RATE
    other_locks = sender.total_locked_amount - transfer.locked_amount
    seconds = (now - transfer.prepared_at).total_seconds()
    covered = rules.is_expendable(
        amount, sender.balance_floor(now), other_locks, books.min_balance(sender)
    ) or rules.is_reserved(amount, transfer.locked_amount, transfer.demurrage_rate, seconds, sender.is_root)
    if not covered or not books.fits(sender, -amount):
        return rules.INSUFFICIENT_AVAILABLE_AMOUNT
    return rules.OK


def _debit(
    books: Books, request: smp.FinalizeTransfer, sender: Account, transfer: PreparedTransfer, now: datetime
) -> None:
    amount = request.committed_amount
    credit = Credit(
        debtor_id=sender.debtor_id,
        recipient_id=transfer.recipient_id,
        amount=amount,
        coordinator_type=transfer.coordinator_type,
        sender=sender.account_id,
        recipient=transfer.recipient,
        transfer_note_format=request.transfer_note_format,
        transfer_note=request.transfer_note,
        committed_at=now,
        due_at=rules.later_by(now, books.settings.credit_delay),
    )
    books.post(sender, -amount, now)
    books.tell_transfer(sender, -amount, credit, now)
    books.credits.append(credit)
    books.currency(sender.debtor_id).in_flight += amount

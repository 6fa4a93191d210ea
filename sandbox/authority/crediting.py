"""The recipient's half of a payment: applied once, in a transaction of its own."""

from __future__ import annotations

import logging
from datetime import datetime

from sandbox.authority.books import Books
from sandbox.authority.interest import transit_interest
from sandbox.authority.state import Account, Credit

logger = logging.getLogger(__name__)


def apply_due_credits(books: Books, now: datetime) -> None:
    """Applies the credits that are due, oldest first."""
    refused: list[Credit] = []
    while books.credits and books.credits[0].due_at <= now:
        credit = books.credits.popleft()
        if _apply(books, credit, now):
            books.check(credit.debtor_id)
        else:
            refused.append(credit)
    books.credits.extendleft(reversed(refused))


def _apply(books: Books, credit: Credit, now: datetime) -> bool:
    account = books.accounts.get((credit.debtor_id, credit.recipient_id))
    if account is None:
        account = books.create(credit.debtor_id, credit.recipient_id, now)
        books.tell_update(account)
    if not books.fits(account, credit.amount):
        logger.error("account %s cannot hold %s more tokens; they stay in flight", account.key, credit.amount)
        return False
    account.deleted = False
    books.post(account, credit.amount, now)
    books.currency(credit.debtor_id).in_flight -= credit.amount
    if not account.is_root:
        account.interest += _compensation(account, credit, now)
    books.tell_transfer(account, credit.amount, credit, now)
    return True


def _compensation(account: Account, credit: Credit, now: datetime) -> float:
    """Interest for the time the money was under way, so that a delay costs nobody anything."""
    changed_at = min(max(account.last_interest_rate_change_ts, credit.committed_at), now)
    return transit_interest(
        credit.amount,
        account.previous_interest_rate,
        (changed_at - credit.committed_at).total_seconds(),
        account.interest_rate,
        (now - changed_at).total_seconds(),
    )

"""What the authority does on its own, account by account: interest, rates, heartbeats, deletion, purge, reminders."""

from __future__ import annotations

from datetime import UTC, datetime, time

from sandbox.authority.books import Books
from sandbox.authority.configuring import change_debtor_info, change_interest_rate
from sandbox.authority.preparing import tell_prepared
from sandbox.authority.rules import amount_to_capitalise
from sandbox.authority.state import Account, Credit


def tell_merged_updates(books: Books, now: datetime) -> None:
    """Sends the AccountUpdates whose time of merging is over, one for any number of changes."""
    delay = books.settings.update_merge_delay
    while books.untold:
        key, since = next(iter(books.untold.items()))
        if now - since < delay:
            return
        books.tell_update(books.accounts[key], now)


def look_after(books: Books, account: Account, now: datetime) -> None:
    """One account's turn in the pass over all accounts."""
    if account.deleted:
        purge_if_possible(books, account, now)
        return
    change_interest_rate(books, account, now)
    change_debtor_info(books, account, now)
    _reveal_identity(books, account, now)
    capitalise_interest(books, account, now)
    delete_if_possible(books, account, now)
    if not account.deleted and now - account.last_update_sent_at >= books.settings.heartbeat_period:
        books.tell_update(account, now)


def capitalise_interest(books: Books, account: Account, now: datetime) -> None:
    """Moves whole tokens of interest into the principal; the root account pays or gets them."""
    if account.is_root or now - account.last_capitalised_at < books.settings.capitalisation_period:
        return
    amount = amount_to_capitalise(account.principal, account.accumulated(now))
    if amount == 0:
        return
    root = books.root(account.debtor_id, now)
    if not books.fits(account, amount) or not books.fits(root, -amount):
        return
    account.last_capitalised_at = now
    _move_from_root(books, root, account, amount, "interest", now)
    account.interest -= amount
    books.currency(account.debtor_id).capitalised += amount


def delete_if_possible(books: Books, account: Account, now: datetime) -> None:
    """Deletes an account that is scheduled for deletion and almost empty; the rest of its money goes to the root."""
    if not account.is_scheduled_for_deletion or account.transfers:
        return
    if account.is_root:
        if account.principal == 0:
            _mark_deleted(books, account, now)
        return
    if now - account.last_deletion_try_at < books.settings.deletion_period:
        return
    account.last_deletion_try_at = now
    if account.balance_floor(now) > max(2.0, account.negligible_amount):
        return
    root = books.root(account.debtor_id, now)
    if account.principal != 0:
        if not books.fits(root, account.principal):
            return
        books.currency(account.debtor_id).returned += account.principal
        _move_from_root(books, root, account, -account.principal, "delete", now)
    _mark_deleted(books, account, now)


def purge_if_possible(books: Books, account: Account, now: datetime) -> None:
    """Forgets a deleted account when nobody can be surprised: old AccountUpdates have expired, too."""
    settings = books.settings
    if now - account.last_change_ts <= settings.purge_delay:
        return
    if now - account.last_update_sent_at <= settings.ttl:
        return
    created_at = datetime.combine(account.creation_date, time(), UTC)
    if now - created_at <= settings.min_account_age:
        return
    books.remove(account, now)


def vanish(books: Books, account: Account, now: datetime) -> None:
    """Deletes and forgets an empty account at once, whatever its owner wants."""
    if not account.deleted:
        _mark_deleted(books, account, now)
    books.remove(account, now)


def send_reminders(books: Books, account: Account, now: datetime) -> None:
    """Repeats PreparedTransfer for transfers that have been open for long."""
    for transfer in account.transfers.values():
        if now - transfer.reminded_at >= books.settings.reminder_period:
            transfer.reminded_at = now
            tell_prepared(books, account, transfer, now)


def _reveal_identity(books: Books, account: Account, now: datetime) -> None:
    if account.identity_hidden and not books.faults.hides_identity(account):
        books.change(account, now)
        account.identity_hidden = False
        books.tell_update(account)


def _mark_deleted(books: Books, account: Account, now: datetime) -> None:
    books.change(account, now)
    account.interest = 0.0
    account.deleted = True
    books.tell_update(account)


def _move_from_root(books: Books, root: Account, account: Account, amount: int, kind: str, now: datetime) -> None:
    """Moves `amount` from the root to the account (back, when negative) in one transaction."""
    ids = (root.account_id, account.account_id) if amount > 0 else (account.account_id, root.account_id)
    books.post(root, -amount, now)
    books.post(account, amount, now)
    credit = Credit(account.debtor_id, account.creditor_id, amount, kind, ids[0], ids[1], "", "", now, now)
    books.tell_transfer(account, amount, credit, now)
    books.check(account.debtor_id)

"""The full check of the books, from scratch."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from sandbox.authority.books import Books, ConservationError
from sandbox.protocol.identity import ROOT_CREDITOR_ID


@dataclass(frozen=True, slots=True)
class Totals:
    """One currency's money, in tokens.

    `circulating` is what the root owes, `in_flight` has left but not arrived; `capitalised` and `returned` are those
    of `Currency`.
    """

    circulating: int
    in_flight: int
    accounts: int
    locked: int
    capitalised: int = 0
    returned: int = 0


def audit_books(books: Books) -> dict[int, Totals]:
    """Adds everything up again, per debtor. Raises `ConservationError` when something does not agree."""
    principals: dict[int, int] = defaultdict(int)
    in_flight: dict[int, int] = defaultdict(int)
    locked: dict[int, int] = defaultdict(int)
    accounts: dict[int, int] = defaultdict(int)
    for account in books.accounts.values():
        locks = sum(transfer.locked_amount for transfer in account.transfers.values())
        if locks != account.total_locked_amount or locks < 0:
            raise ConservationError(f"account {account.key}: locks {locks}, known {account.total_locked_amount}")
        if account.deleted and (account.principal or account.transfers):
            raise ConservationError(f"account {account.key} is deleted, but not empty")
        principals[account.debtor_id] += account.principal
        locked[account.debtor_id] += locks
        accounts[account.debtor_id] += not account.deleted
    for credit in books.credits:
        in_flight[credit.debtor_id] += credit.amount
    totals = {}
    for debtor_id in principals.keys() | in_flight.keys() | books.currencies.keys():
        currency = books.currency(debtor_id)
        if (principals[debtor_id], in_flight[debtor_id]) != (currency.principals, currency.in_flight):
            raise ConservationError(f"currency {debtor_id}: running sums differ from the accounts")
        books.check(debtor_id)
        root = books.accounts.get((debtor_id, ROOT_CREDITOR_ID))
        totals[debtor_id] = Totals(
            circulating=-root.principal if root else 0,
            in_flight=in_flight[debtor_id],
            accounts=accounts[debtor_id],
            locked=locked[debtor_id],
            capitalised=currency.capitalised,
            returned=currency.returned,
        )
    return totals

"""The authority's books: every change of an account goes through here, and every message about one leaves from here."""

from __future__ import annotations

import random
from collections import deque
from datetime import date, datetime, timedelta

from sandbox.authority.faults import Faults, Terms
from sandbox.authority.root_config import RootConfig
from sandbox.authority.rules import is_negligible, root_min_balance
from sandbox.authority.settings import AuthoritySettings
from sandbox.authority.state import Account, AccountKey, Credit, Currency
from sandbox.protocol import smp
from sandbox.protocol.identity import (
    MAX_INT64,
    MIN_INT64,
    ROOT_CREDITOR_ID,
    last_transfer_id,
    next_seqnum,
    parse_u64,
    u64,
)


class ConservationError(AssertionError):
    """Money appeared or vanished. The authority stops."""


class Books:
    """Accounts, currencies, money on its way and the messages that tell about them.

    Invariant per currency, checked after each transaction: the principals of all accounts, the root's included,
    and the credits in flight add up to zero.
    """

    def __init__(self, settings: AuthoritySettings, faults: Faults, seed: int) -> None:
        self.settings = settings
        self.faults = faults
        self.accounts: dict[AccountKey, Account] = {}
        self.currencies: dict[int, Currency] = {}
        self.credits: deque[Credit] = deque()
        self.outbox: list[smp.Message] = []
        # Accounts whose last change is not told yet, by the moment of the first such change; oldest first.
        self.untold: dict[AccountKey, datetime] = {}
        self._identities: dict[tuple[int, str], int] = {}
        self._last_creation_dates: dict[AccountKey, date] = {}
        self._dice = random.Random(seed)
        self._proper_terms = Terms(settings.demurrage_rate, settings.commit_period, settings.transfer_note_max_bytes)

    # Finding

    def live(self, key: AccountKey) -> Account | None:
        """The account, unless it is missing or deleted."""
        account = self.accounts.get(key)
        return None if account is None or account.deleted else account

    def currency(self, debtor_id: int) -> Currency:
        """The currency's record, made on first use."""
        currency = self.currencies.get(debtor_id)
        if currency is None:
            currency = self.currencies[debtor_id] = Currency(debtor_id, RootConfig())
        return currency

    def resolve(self, debtor_id: int, account_id: str) -> int | None:
        """The creditor behind an account ID, or None. With `u64` IDs the account itself need not exist."""
        if self.settings.account_ids == "u64":
            return parse_u64(account_id)
        creditor_id = self._identities.get((debtor_id, account_id))
        if creditor_id is None or self.live((debtor_id, creditor_id)) is None:
            return None
        return creditor_id

    def min_balance(self, account: Account) -> int:
        """How low the account may fall; only the root may go below zero."""
        if not account.is_root:
            return 0
        return root_min_balance(self.currency(account.debtor_id).config.limit, account.negligible_amount)

    def terms(self, account: Account) -> Terms:
        """The promises made for the account."""
        return self.faults.terms(account, self._proper_terms)

    # Existence

    def create(self, debtor_id: int, creditor_id: int, now: datetime) -> Account:
        """Adds a new account, with a later creation date than any account before it under this key."""
        key = (debtor_id, creditor_id)
        creation_date = now.date()
        previous = self._last_creation_dates.get(key)
        if previous is not None:
            creation_date = max(creation_date, previous + timedelta(days=1))
        self._last_creation_dates[key] = creation_date
        account_id = u64(creditor_id)
        if self.settings.account_ids == "opaque":
            account_id = f"acc-{self._dice.getrandbits(80):020x}"
        account = Account(debtor_id, creditor_id, creation_date, account_id, now, last_transfer_id(creation_date))
        account.identity_hidden = self.faults.hides_identity(account)
        self.accounts[key] = account
        self._identities[debtor_id, account_id] = creditor_id
        return account

    def root(self, debtor_id: int, now: datetime) -> Account:
        """The debtor's own account; it comes into existence when money has to move from or to it."""
        account = self.accounts.get((debtor_id, ROOT_CREDITOR_ID))
        if account is None:
            account = self.create(debtor_id, ROOT_CREDITOR_ID, now)
        account.deleted = False
        return account

    def remove(self, account: Account, now: datetime) -> None:
        """Forgets a deleted account and tells so."""
        del self.accounts[account.key]
        del self._identities[account.debtor_id, account.account_id]
        self.untold.pop(account.key, None)
        self.outbox.append(
            smp.AccountPurge(
                debtor_id=account.debtor_id,
                creditor_id=account.creditor_id,
                creation_date=account.creation_date,
                ts=now,
            )
        )

    # Changing

    def change(self, account: Account, now: datetime) -> None:
        """Opens a change: interest so far is folded in, and the account's state gets a later place in the order."""
        moment = max(account.last_change_ts, now)
        account.interest = account.accumulated(moment)
        account.last_change_ts = moment
        account.last_change_seqnum = next_seqnum(account.last_change_seqnum)

    def fits(self, account: Account, amount: int) -> bool:
        """Whether the principal stays an int64 (and above its lowest value) when `amount` is added."""
        return MIN_INT64 < account.principal + amount <= MAX_INT64

    def post(self, account: Account, amount: int, now: datetime) -> None:
        """Changes the principal; the AccountUpdate waits to be merged with later ones."""
        self.change(account, now)
        account.principal += amount
        self.currency(account.debtor_id).principals += amount
        self.untold.setdefault(account.key, now)

    def check(self, debtor_id: int) -> None:
        """Raises `ConservationError` unless the currency's sum is zero."""
        currency = self.currency(debtor_id)
        if currency.principals + currency.in_flight != 0:
            raise ConservationError(
                f"currency {debtor_id}: principals {currency.principals}, in flight {currency.in_flight}"
            )

    # Telling

    def tell_update(self, account: Account, ts: datetime | None = None) -> None:
        """Sends an AccountUpdate about the account as it stands; without `ts`, dated at its last change."""
        terms = self.terms(account)
        sent_at = account.last_change_ts if ts is None else max(ts, account.last_change_ts)
        account.last_update_sent_at = sent_at
        self.untold.pop(account.key, None)
        self.outbox.append(
            smp.AccountUpdate(
                debtor_id=account.debtor_id,
                creditor_id=account.creditor_id,
                creation_date=account.creation_date,
                last_change_ts=account.last_change_ts,
                last_change_seqnum=account.last_change_seqnum,
                principal=account.principal,
                interest=account.interest,
                interest_rate=account.interest_rate,
                last_interest_rate_change_ts=account.last_interest_rate_change_ts,
                last_config_ts=account.last_config_ts,
                last_config_seqnum=account.last_config_seqnum,
                negligible_amount=account.negligible_amount,
                config_flags=account.config_flags,
                config_data=account.config_data,
                account_id="" if account.identity_hidden else account.account_id,
                debtor_info_iri=account.debtor_info_iri,
                debtor_info_content_type=account.debtor_info_content_type,
                debtor_info_sha256=account.debtor_info_sha256,
                last_transfer_number=account.last_transfer_number,
                last_transfer_committed_at=account.last_transfer_committed_at,
                demurrage_rate=terms.demurrage_rate,
                commit_period=int(terms.commit_period.total_seconds()),
                transfer_note_max_bytes=terms.transfer_note_max_bytes,
                ts=sent_at,
                ttl=int(self.settings.ttl.total_seconds()),
            )
        )

    def tell_transfer(self, account: Account, acquired_amount: int, credit: Credit, now: datetime) -> None:
        """Sends the account's AccountTransfer and gives it a number, unless the transfer is negligible for it."""
        if account.is_root or is_negligible(credit.coordinator_type, acquired_amount, account.negligible_amount):
            return
        previous = account.last_transfer_number
        account.last_transfer_number = previous + 1
        account.last_transfer_committed_at = credit.committed_at
        self.outbox.append(
            smp.AccountTransfer(
                debtor_id=account.debtor_id,
                creditor_id=account.creditor_id,
                creation_date=account.creation_date,
                transfer_number=previous + 1,
                coordinator_type=credit.coordinator_type,
                sender=credit.sender,
                recipient=credit.recipient,
                acquired_amount=acquired_amount,
                transfer_note_format=credit.transfer_note_format,
                transfer_note=credit.transfer_note,
                committed_at=credit.committed_at,
                principal=account.principal,
                ts=now,
                previous_transfer_number=previous,
            )
        )

"""The accounting authority: messages and time in, messages out."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial

from sandbox.authority.audit import Totals, audit_books
from sandbox.authority.books import Books, ConservationError
from sandbox.authority.configuring import change_interest_rate, configure_account
from sandbox.authority.crediting import apply_due_credits
from sandbox.authority.faults import Faults
from sandbox.authority.finalizing import check_form as check_finalize
from sandbox.authority.finalizing import finalize_transfer
from sandbox.authority.preparing import check_form as check_prepare
from sandbox.authority.preparing import prepare_transfer, tell_prepared
from sandbox.authority.root_config import RootConfig, render_root_config
from sandbox.authority.rules import later_by
from sandbox.authority.settings import AuthoritySettings
from sandbox.authority.state import Account, PreparedTransfer
from sandbox.authority.upkeep import look_after, send_reminders, tell_merged_updates, vanish
from sandbox.protocol import smp
from sandbox.protocol.identity import ROOT_CREDITOR_ID

Clock = Callable[[], datetime]

# Debtors configure their root accounts so: anything smaller would limit how much they can issue.
UNLIMITED = 1e30


class PaymentError(Exception):
    """The authority refused a payment that was ordered directly; the argument is the status code."""


class Authority:
    """Keeps the accounts of any number of currencies, in memory. One thread at a time may use it.

    Each message is one transaction: its state change and the messages about it happen together, and the sum of the
    currency's money is checked before the next one. After a `ConservationError` it refuses to work.
    """

    def __init__(
        self, settings: AuthoritySettings, clock: Clock, *, faults: Faults | None = None, seed: int = 0
    ) -> None:
        self.books = Books(settings, faults or Faults(), seed)
        self._clock = clock
        self._request_ids = itertools.count(1)
        self._held: list[tuple[datetime, int, smp.FinalizeTransfer]] = []
        self._next_pass = later_by(clock(), settings.pass_period)
        self._next_reminder_pass = later_by(clock(), settings.reminder_pass_period)
        self._broken = False

    # Messages and time

    def handle(self, request: smp.Request) -> None:
        """Processes one message now. Raises `MalformedMessageError` for one that must be dead-lettered."""
        now = self._clock()
        if isinstance(request, smp.PrepareTransfer):
            check_prepare(request)
            self._guard(partial(self._prepare, request, now), request.debtor_id)
        elif isinstance(request, smp.FinalizeTransfer):
            check_finalize(request)
            if self.books.faults.loses_finalize(request):
                return
            delay = self.books.faults.hold_finalize(request)
            if delay is None:
                self._guard(partial(finalize_transfer, self.books, request, now), request.debtor_id)
            else:
                heapq.heappush(self._held, (later_by(now, delay), next(self._request_ids), request))
        else:
            if len(request.config_data.encode()) > smp.MAX_CONFIG_DATA_BYTES:
                raise smp.MalformedMessageError("config_data is too long")
            self._guard(partial(configure_account, self.books, request, now), request.debtor_id)

    def tick(self) -> None:
        """Does what the time has made due."""
        now = self._clock()
        books = self.books
        while self._held and self._held[0][0] <= now:
            request = heapq.heappop(self._held)[2]
            self._guard(partial(finalize_transfer, books, request, now), request.debtor_id)
        self._guard(partial(apply_due_credits, books, now))
        if now >= self._next_pass:
            self._next_pass = later_by(now, books.settings.pass_period)
            self.look_after_all()
        if now >= self._next_reminder_pass:
            self._next_reminder_pass = later_by(now, books.settings.reminder_pass_period)
            for account in books.accounts.values():
                send_reminders(books, account, now)
        tell_merged_updates(books, now)

    def take_outgoing(self) -> list[smp.Message]:
        """Hands over the messages to send, once."""
        outgoing, self.books.outbox = self.books.outbox, []
        return outgoing

    def step(self, requests: Iterable[smp.Request] = ()) -> list[smp.Message]:
        """Processes the messages, then what is due, and returns everything to send."""
        for request in requests:
            self.handle(request)
        self.tick()
        return self.take_outgoing()

    # What debtors and operators order

    def configure_currency(
        self, debtor_id: int, config: RootConfig | None = None, *, negligible_amount: float = UNLIMITED
    ) -> None:
        """Creates or re-configures a currency through its root account. Raises ValueError when refused."""
        root = self.account(debtor_id, ROOT_CREDITOR_ID)
        config = config or RootConfig()
        request = smp.ConfigureAccount(
            debtor_id=debtor_id,
            creditor_id=ROOT_CREDITOR_ID,
            ts=self._clock(),
            seqnum=0 if root is None else root.last_config_seqnum + 1,
            negligible_amount=negligible_amount,
            config_data=render_root_config(config),
            config_flags=0,
        )
        self.handle(request)
        if self.books.currency(debtor_id).config != config:
            raise ValueError(f"root configuration refused: {config}")

    def issue(self, debtor_id: int, creditor_id: int, amount: int) -> None:
        """Issues `amount` new tokens to a creditor's live account. Raises `PaymentError` when refused."""
        self._pay(debtor_id, ROOT_CREDITOR_ID, creditor_id, amount, "issuing", debtor_id)

    def pay(self, debtor_id: int, payer_id: int, payee_id: int, amount: int) -> None:
        """A direct payment between customers, or back to the issuer (0). Raises `PaymentError` when refused."""
        self._pay(debtor_id, payer_id, payee_id, amount, "direct", payer_id)

    def lock(self, debtor_id: int, payer_id: int, payee_id: int, amount: int) -> PreparedTransfer | None:
        """Locks money of a customer, or of a collector, for somebody else than the trade service (None: refused)."""
        return self._prepare_for(debtor_id, payer_id, payee_id, amount, "direct", payer_id)

    def end_lock(self, debtor_id: int, payer_id: int, transfer: PreparedTransfer, amount: int = 0) -> None:
        """Pays `amount` of what `lock` has locked, and gives the rest back."""
        self._finalize_for(debtor_id, payer_id, transfer, amount)

    def account(self, debtor_id: int, creditor_id: int) -> Account | None:
        """The live account, to look at."""
        return self.books.live((debtor_id, creditor_id))

    def open_transfers(self) -> list[tuple[Account, PreparedTransfer]]:
        """Everything that is prepared and neither committed nor dismissed, with the sender."""
        return [
            (account, transfer) for account in self.books.accounts.values() for transfer in account.transfers.values()
        ]

    def audit(self) -> dict[int, Totals]:
        """Adds all books up from scratch, per debtor. Raises `ConservationError`."""
        return audit_books(self.books)

    # Passes and accidents on demand

    def look_after_all(self) -> None:
        """The pass over all accounts, now."""
        now = self._clock()
        for account in list(self.books.accounts.values()):
            self._guard(partial(look_after, self.books, account, now), account.debtor_id)

    def apply_rate(self, account: Account) -> None:
        """Gives one account its currency's rate now, instead of in the next pass; the spacing holds (F8)."""
        change_interest_rate(self.books, account, self._clock())

    def purge(self, debtor_id: int, creditor_id: int) -> None:
        """Forgets a deleted account at once, much too early (F10). Raises KeyError when there is none."""
        account = self.books.accounts[debtor_id, creditor_id]
        if not account.deleted:
            raise KeyError((debtor_id, creditor_id))
        self.books.remove(account, self._clock())

    def vanish(self, account: Account) -> None:
        """Deletes and purges an account without money and locks (F10). Raises ValueError for another one."""
        if account.is_root or account.principal or account.transfers:
            raise ValueError(f"account {account.key} is in use")
        self._guard(partial(vanish, self.books, account, self._clock()), account.debtor_id)

    def remind(self, account: Account, transfer: PreparedTransfer) -> None:
        """Sends PreparedTransfer again, for an open transfer or for one that is gone already (F11)."""
        tell_prepared(self.books, account, transfer, self._clock())

    def _prepare(self, request: smp.PrepareTransfer, now: datetime) -> None:
        prepare_transfer(self.books, request, now)
        if self.books.faults.prepares_twice(request):
            prepare_transfer(self.books, request, now)

    def _pay(self, debtor_id: int, payer_id: int, payee_id: int, amount: int, kind: str, coordinator_id: int) -> None:
        transfer = self._prepare_for(debtor_id, payer_id, payee_id, 0, kind, coordinator_id)
        if transfer is not None:
            self._finalize_for(debtor_id, payer_id, transfer, amount)
        answer = next(
            message
            for message in reversed(self.books.outbox)
            if isinstance(message, smp.RejectedTransfer | smp.FinalizedTransfer)
        )
        if answer.status_code != "OK":
            raise PaymentError(answer.status_code)

    def _prepare_for(
        self, debtor_id: int, payer_id: int, payee_id: int, amount: int, kind: str, coordinator_id: int
    ) -> PreparedTransfer | None:
        """Locks `amount` for a coordinator that is not the trade service."""
        now = self._clock()
        payee = self.account(debtor_id, payee_id)
        if payee is None and payee_id == ROOT_CREDITOR_ID:
            payee = self.books.root(debtor_id, now)
        request = smp.PrepareTransfer(
            debtor_id=debtor_id,
            creditor_id=payer_id,
            coordinator_type=kind,
            coordinator_id=coordinator_id,
            coordinator_request_id=next(self._request_ids),
            min_locked_amount=amount,
            max_locked_amount=amount,
            recipient="" if payee is None else payee.account_id,
            final_interest_rate_ts=later_by(now, self.books.settings.commit_period),
            max_commit_delay=2**31 - 1,
            ts=now,
        )
        check_prepare(request)
        return prepare_transfer(self.books, request, now)

    def _finalize_for(self, debtor_id: int, payer_id: int, transfer: PreparedTransfer, amount: int) -> None:
        now = self._clock()
        finalize = smp.FinalizeTransfer(
            debtor_id=debtor_id,
            creditor_id=payer_id,
            transfer_id=transfer.transfer_id,
            coordinator_type=transfer.coordinator_type,
            coordinator_id=transfer.coordinator_id,
            coordinator_request_id=transfer.coordinator_request_id,
            committed_amount=amount,
            transfer_note_format="",
            transfer_note="",
            ts=now,
        )
        self._guard(partial(finalize_transfer, self.books, finalize, now), debtor_id)

    def _guard(self, transaction: Callable[[], object], debtor_id: int | None = None) -> None:
        if self._broken:
            raise ConservationError("the authority has stopped")
        # Whatever goes wrong inside, the books may be half written: only a whole transaction clears the flag.
        self._broken = True
        transaction()
        if debtor_id is not None:
            self.books.check(debtor_id)
        self._broken = False

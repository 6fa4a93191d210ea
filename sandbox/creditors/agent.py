"""The creditors agent: customers' accounts, and the notifications by which the trade service learns of them.

A program opens accounts and sets policies for the customers. `sandbox.creditors.server` shows them on the Web.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import msgspec

from bridge.wire.ports import Delivery, Publication, Source, Target
from bridge.wire.sharding import binary_routing_key, hexadecimal_routing_key
from bridge.wire.topology import CREDITORS_OUT, TO_TRADE
from sandbox.creditors.ledger import T0, Ledger
from sandbox.protocol import smp
from sandbox.protocol.identity import MAX_INT64, MIN_INT64
from sandbox.protocol.peer import Peer

APP_ID = "swpt_creditors"

SCHEDULED_FOR_DELETION = 1
# With this negligible amount an authority gives up whatever is left on an account that nobody wants.
HUGE_NEGLIGIBLE_AMOUNT = 1e30

_NEVER = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Policy:
    """How an account takes part in trade. Amounts are tokens; one token is worth `peg_exchange_rate` of the peg's."""

    name: str | None = "conservative"
    min_principal: int = MIN_INT64
    max_principal: int = MAX_INT64
    peg_debtor_id: int | None = None
    peg_exchange_rate: float | None = None

    def __post_init__(self) -> None:
        if self.min_principal > self.max_principal:
            raise ValueError("min_principal is above max_principal")
        if (self.peg_debtor_id is None) != (self.peg_exchange_rate is None):
            raise ValueError("a peg needs both a currency and a rate")


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """Periods of the agent; the defaults are those of a real one."""

    ledger_period: timedelta = timedelta(seconds=5)
    repair_period: timedelta = timedelta(minutes=10)
    correction_delay: timedelta = timedelta(hours=1)
    gap_delay: timedelta = timedelta(days=14)


@dataclass(slots=True)
class CustomerAccount:
    """An account a customer wants to have."""

    ledger: Ledger
    negligible_amount: float
    config_flags: int
    config_seqnum: int = 0
    config_update_id: int = 1
    policy: Policy = field(default_factory=lambda: Policy(name=None))
    policy_update_id: int = 1
    rejection_code: str | None = None
    policy_changed_at: datetime = T0
    config_changed_at: datetime = T0


class CreditorsAgent:
    """All customers' accounts, in memory. One thread at a time may use it. Keys are (creditor_id, debtor_id)."""

    def __init__(self, settings: AgentSettings, clock: Callable[[], datetime], *, first_update_id: int = 1000) -> None:
        self._settings = settings
        self._clock = clock
        self._update_ids = itertools.count(first_update_id)
        self.accounts: dict[tuple[int, int], CustomerAccount] = {}
        self._outbox: list[smp.Message] = []
        # Ledgers that changed and wait for the next run, in the order of their changes.
        self._untold: dict[tuple[int, int], None] = {}
        self._next_ledger_run = clock()
        self._next_repair = clock() + settings.repair_period

    # What customers order

    def open_account(self, creditor_id: int, debtor_id: int, negligible_amount: float = 0.0) -> None:
        """Asks the authority for an account. Raises ValueError when the customer has it already."""
        key = (creditor_id, debtor_id)
        if key in self.accounts:
            raise ValueError(f"account {key} is open")
        ledger = Ledger(debtor_id, creditor_id, next(self._update_ids))
        self.accounts[key] = CustomerAccount(ledger, negligible_amount, 0)
        self._configure(creditor_id, debtor_id, self.accounts[key])

    def set_policy(self, creditor_id: int, debtor_id: int, policy: Policy) -> None:
        """Changes an account's policy; the same policy again says nothing. Raises KeyError or ValueError.

        A peg currency must be one of the customer's own accounts.
        """
        account = self.accounts[creditor_id, debtor_id]
        if policy.peg_debtor_id is not None and (creditor_id, policy.peg_debtor_id) not in self.accounts:
            raise ValueError(f"creditor {creditor_id} has no account with the peg currency {policy.peg_debtor_id}")
        if policy == account.policy:
            return
        account.policy = policy
        account.policy_update_id += 1
        account.policy_changed_at = self._clock()
        self._tell_policy(creditor_id, debtor_id, policy, account.policy_update_id)

    def set_flags(self, creditor_id: int, debtor_id: int, config_flags: int) -> None:
        """Changes an account's configuration flags (bit 0 schedules it for deletion). Raises KeyError."""
        account = self.accounts[creditor_id, debtor_id]
        account.config_flags = config_flags
        account.config_update_id += 1
        account.config_changed_at = self._clock()
        account.config_seqnum += 1
        self._configure(creditor_id, debtor_id, account)
        self._tell_flags(creditor_id, debtor_id, config_flags, account.config_update_id)

    def delete_account(self, creditor_id: int, debtor_id: int) -> None:
        """Forgets an account, and makes the trade service forget it. Raises KeyError."""
        del self.accounts[creditor_id, debtor_id]
        self._untold.pop((creditor_id, debtor_id), None)
        update_id = next(self._update_ids)
        nothing = smp.UpdatedLedger(
            debtor_id=debtor_id,
            creditor_id=creditor_id,
            update_id=update_id,
            account_id="",
            creation_date=_NEVER,
            principal=0,
            last_transfer_number=0,
            ts=self._clock(),
        )
        self._outbox.append(nothing)
        self._tell_policy(creditor_id, debtor_id, Policy(name=None), update_id)
        self._tell_flags(creditor_id, debtor_id, 0, update_id)

    # Messages and time

    def handle(self, message: smp.AccountNews) -> None:
        """Takes one message of an authority in."""
        now = self._clock()
        key = (message.creditor_id, message.debtor_id)
        account = self.accounts.get(key)
        if account is None:
            if isinstance(message, smp.AccountUpdate):
                self._discard(message, now)
        elif isinstance(message, smp.AccountUpdate):
            if account.ledger.apply_update(message, now):
                self._untold.pop(key, None)
                self._outbox.append(account.ledger.notification(now))
                if account.ledger.append_stored(now):
                    self._untold[key] = None
        elif isinstance(message, smp.AccountTransfer):
            if account.ledger.apply_transfer(message, now):
                self._untold[key] = None
        elif isinstance(message, smp.RejectedConfig):
            account.rejection_code = message.rejection_code

    def tick(self) -> None:
        """Tells about changed ledgers and repairs old differences, as far as it is time."""
        now = self._clock()
        if now >= self._next_repair:
            self._next_repair = now + self._settings.repair_period
            self._repair_all(now)
        if now >= self._next_ledger_run:
            self._next_ledger_run = now + self._settings.ledger_period
            for key in self._untold:
                self._outbox.append(self.accounts[key].ledger.notification(now))
            self._untold.clear()

    def take_outgoing(self) -> list[smp.Message]:
        """Hands over the messages to send, once."""
        outgoing, self._outbox = self._outbox, []
        return outgoing

    def step(self, messages: Iterable[smp.AccountNews] = ()) -> list[smp.Message]:
        """Takes messages in, does what is due, and returns everything to send."""
        for message in messages:
            self.handle(message)
        self.tick()
        return self.take_outgoing()

    def _repair_all(self, now: datetime) -> None:
        for key, account in self.accounts.items():
            if account.ledger.repair(
                now, correction_delay=self._settings.correction_delay, gap_delay=self._settings.gap_delay
            ):
                self._untold[key] = None

    def _configure(self, creditor_id: int, debtor_id: int, account: CustomerAccount) -> None:
        self._outbox.append(
            smp.ConfigureAccount(
                debtor_id=debtor_id,
                creditor_id=creditor_id,
                ts=self._clock(),
                seqnum=account.config_seqnum,
                negligible_amount=account.negligible_amount,
                config_data="",
                config_flags=account.config_flags,
            )
        )

    def _discard(self, update: smp.AccountUpdate, now: datetime) -> None:
        """Asks the authority to delete an account nobody ordered, unless that is settled already."""
        is_settled = (
            update.config_flags & SCHEDULED_FOR_DELETION
            and update.negligible_amount >= 0.99999 * HUGE_NEGLIGIBLE_AMOUNT
        )
        if is_settled or now - update.ts > timedelta(seconds=update.ttl):
            return
        self._outbox.append(
            smp.ConfigureAccount(
                debtor_id=update.debtor_id,
                creditor_id=update.creditor_id,
                ts=now,
                seqnum=0,
                negligible_amount=HUGE_NEGLIGIBLE_AMOUNT,
                config_data="",
                config_flags=SCHEDULED_FOR_DELETION,
            )
        )

    def _tell_policy(self, creditor_id: int, debtor_id: int, policy: Policy, update_id: int) -> None:
        self._outbox.append(
            smp.UpdatedPolicy(
                debtor_id=debtor_id,
                creditor_id=creditor_id,
                update_id=update_id,
                policy_name=policy.name,
                min_principal=policy.min_principal,
                max_principal=policy.max_principal,
                peg_exchange_rate=policy.peg_exchange_rate,
                peg_debtor_id=policy.peg_debtor_id,
                ts=self._clock(),
            )
        )

    def _tell_flags(self, creditor_id: int, debtor_id: int, config_flags: int, update_id: int) -> None:
        self._outbox.append(
            smp.UpdatedFlags(
                debtor_id=debtor_id,
                creditor_id=creditor_id,
                update_id=update_id,
                config_flags=config_flags,
                ts=self._clock(),
            )
        )


def address(message: smp.Message) -> Publication:
    """Where the agent's message goes: configurations to the authorities, notifications to the trade service."""
    kind = type(message).__name__
    to_authority = isinstance(message, smp.ConfigureAccount)
    return Publication(
        exchange=CREDITORS_OUT if to_authority else TO_TRADE,
        routing_key=(
            hexadecimal_routing_key(message.debtor_id) if to_authority else binary_routing_key(message.creditor_id)
        ),
        type=kind,
        body=smp.encode(message),
        headers={"message-type": kind, "creditor-id": message.creditor_id, "debtor-id": message.debtor_id},
        app_id=APP_ID,
    )


class CreditorsPeer(Peer):
    """An agent at the exchanges: reads the queue of `ca-creditors` messages, publishes to authorities and to trade."""

    def __init__(self, source: Source, target: Target, agent: CreditorsAgent, *, limit: int = 500) -> None:
        super().__init__(source, target, limit=limit)
        self.agent = agent
        self._decoder: msgspec.json.Decoder[smp.AccountNews | smp.Reply] = msgspec.json.Decoder(
            smp.AccountNews | smp.Reply
        )

    def _read(self, delivery: Delivery) -> None:
        message = smp.decode(self._decoder, delivery.body, delivery.type)
        # Replies to direct transfers: the sandbox makes those at the authority itself, nobody waits for them.
        if not isinstance(message, smp.RejectedTransfer | smp.PreparedTransfer | smp.FinalizedTransfer):
            self.agent.handle(message)

    def _collect(self) -> list[Publication]:
        return [address(message) for message in self.agent.step()]

"""The world around the service: authority, creditors agent and documents, in a thread, behind a bad network."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from queue import SimpleQueue
from typing import Self

from bridge.rabbitmq.broker import RabbitSource, RabbitTarget
from bridge.wire.ports import PublishError, SourceError
from sandbox.authority import Authority, AuthoritySettings, Rule, ScriptedFaults, Totals
from sandbox.creditors.agent import AgentSettings, CreditorsAgent, CreditorsPeer, Policy
from sandbox.economy.economy import Economy, TraderAccount
from sandbox.economy.setup import set_up
from sandbox.protocol.topology import AUTHORITY_QUEUE, CREDITORS_QUEUE
from sandbox.servers.documents import DocumentServer
from sandbox.world.transit import FaultyTarget, TransitRule
from tests.step_backs.ledger import Ledger, ObservedAuthority

USUAL = TransitRule(
    duplicate=0.03,
    copy_delay=timedelta(seconds=2),
    delay=0.05,
    delay_by=timedelta(seconds=2),
    reorder_window=timedelta(),
)
STORM = TransitRule(duplicate=0.8, copies=3, copy_delay=timedelta(seconds=4), delay=0.8, delay_by=timedelta(seconds=3))
"""Nearly every message late, and four times."""

LOST_COMMITS = 0.02
"""Share of commits and dismissals that never reach the authority."""

SET_UP_SECONDS = 120.0
QUIET_SECONDS = 1.5
WISHES_PERIOD = 6.0
"""Seconds after which some traders want something else, so that there is always something to trade."""


class Surroundings:
    """Use as a context manager: the peers work until its end."""

    def __init__(self, url: str, economy: Economy, documents: DocumentServer, seed: int) -> None:
        self.economy = economy
        self._faults = ScriptedFaults(seed)
        self.authority = Authority(
            AuthoritySettings(
                update_merge_delay=timedelta(seconds=1),
                pass_period=timedelta(seconds=10),
                # Whatever was lost is asked for again.
                reminder_period=timedelta(seconds=10),
                reminder_pass_period=timedelta(seconds=5),
            ),
            _now,
            faults=self._faults,
        )
        self.agent = CreditorsAgent(AgentSettings(ledger_period=timedelta(seconds=0.3)), _now)
        self._documents = documents
        self._dice = random.Random(seed)
        self._closing = ExitStack()
        self._targets = [
            self._closing.enter_context(closing(FaultyTarget(RabbitTarget(url), [], _now, seed + n))) for n in range(2)
        ]
        sources = [
            self._closing.enter_context(closing(RabbitSource(url, q, 1000))) for q in (AUTHORITY_QUEUE, CREDITORS_QUEUE)
        ]
        authority_peer = ObservedAuthority(sources[0], self._targets[0], self.authority)
        self.ledger = authority_peer.ledger = Ledger()
        self._peers = [authority_peer, CreditorsPeer(sources[1], self._targets[1], self.agent)]
        self._thread = threading.Thread(target=self._run, name="surroundings")
        self._stop = threading.Event()
        self._quiet_since = time.monotonic()
        self._wishes_at = float("inf")
        self._errands: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self.error: BaseException | None = None
        self.messages = 0
        self.wishes = 0

    def __enter__(self) -> Self:
        """Gives everybody accounts, money and wishes. The exchanges must have been declared."""
        try:
            set_up(self.economy, self.authority, self.agent, self._documents, self._exchange)
        except BaseException:
            self._closing.close()
            raise
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join()
        self._closing.close()

    def start_faults(self) -> None:
        """From now on the network is a bad one, and traders change their minds."""
        self.set_network(USUAL)
        self._faults.lost_rules.append(Rule("", probability=LOST_COMMITS))
        self._wishes_at = 0.0

    def end_faults(self) -> None:
        """The network is a good one again, and no wish is new."""
        self._wishes_at = float("inf")
        self._faults.lost_rules.clear()
        for target in self._targets:
            target.rules = []

    def do(self, errand: Callable[[], None]) -> None:
        """Has the thread of the peers do something soon: they belong to it."""
        self._errands.put(errand)

    def set_network(self, rule: TransitRule) -> None:
        """What may happen to every message of the peers."""
        for target in self._targets:
            target.rules = [rule]

    @property
    def network_faults(self) -> Counter[str]:
        """How many messages of the peers were delayed or duplicated, and how many commits were lost."""
        return sum((target.counts for target in self._targets), Counter(lost_commits=self._faults.lost))

    @property
    def is_quiet(self) -> bool:
        """Whether nobody has said anything for a while, and nothing is under way."""
        has_nothing = not any(target.held for target in self._targets) and not self.authority.books.credits
        return has_nothing and time.monotonic() - self._quiet_since > QUIET_SECONDS

    @property
    def dead_letters(self) -> int:
        """Messages of the service that the peers could not read."""
        return sum(peer.dead_letters for peer in self._peers)

    @property
    def open_transfers(self) -> int:
        """Transfers that are prepared and neither committed nor dismissed."""
        return len(self.authority.open_transfers())

    def audit(self) -> dict[int, Totals]:
        """The sums of each currency. Raises `ConservationError` when the books do not agree."""
        return self.authority.audit()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                try:
                    done = self._step()
                except (SourceError, PublishError):
                    # The broker is away; nothing is lost by that.
                    done = 0
                    time.sleep(0.2)
                if time.monotonic() > self._wishes_at:
                    self._change_wishes()
                    self._wishes_at = time.monotonic() + WISHES_PERIOD
                if not done:
                    time.sleep(0.02)
        except BaseException as error:
            self.error = error

    def _step(self) -> int:
        while not self._errands.empty():
            self._errands.get()()
        done = sum(target.pump() for target in self._targets) + sum(peer.run_once() for peer in self._peers)
        if done:
            self.messages += done
            self._quiet_since = time.monotonic()
        return done

    def _exchange(self) -> None:
        ends = time.monotonic() + SET_UP_SECONDS
        self._quiet_since = time.monotonic()
        while not self.is_quiet:
            if time.monotonic() > ends:
                raise TimeoutError("the messages between authority and creditors agent do not end")
            if not self._step():
                time.sleep(0.02)

    def _change_wishes(self) -> None:
        """Every other trader wants to give some of one currency, and the same value of another one."""
        wallets: dict[int, list[TraderAccount]] = {}
        for account in self.economy.accounts:
            wallets.setdefault(account.creditor_id, []).append(account)
        for wallet in wallets.values():
            if len(wallet) < 2 or self._dice.random() < 0.5:
                continue
            sold, bought = self._dice.sample(wallet, 2)
            for account in wallet:
                self._wish(account, 0)
            amount = round(self._principal(sold) * self._dice.uniform(0.2, 0.6))
            value = amount * self.economy.currency_by_id[sold.debtor_id].price
            self._wish(sold, -amount)
            self._wish(bought, round(value / self.economy.currency_by_id[bought.debtor_id].price))
            self.wishes += 1

    def _wish(self, account: TraderAccount, change: int) -> None:
        """So many tokens more (positive) or less (negative) than there are now; 0: neither."""
        principal = self._principal(account)
        least, most = (principal + change, 2**62) if change > 0 else (-(2**62), principal + change if change else 2**62)
        policy = Policy("conservative", least, most, account.peg_debtor_id, account.peg_rate)
        self.agent.set_policy(account.creditor_id, account.debtor_id, policy)

    def _principal(self, account: TraderAccount) -> int:
        found = self.authority.account(account.debtor_id, account.creditor_id)
        return max(0, found.principal) if found else 0


def _now() -> datetime:
    return datetime.now(UTC)

"""Whatever happens in whatever order, no token appears or vanishes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.authority import Authority, AuthoritySettings, PaymentError, RootConfig, Rule, ScriptedFaults
from sandbox.protocol import smp
from tests.examples import examples
from tests.sandbox.box import COLLECTOR, DEBTOR, SELLER, configure, finalize, of_kind, prepare
from tests.sandbox.conftest import FakeClock

CREDITORS = [SELLER, SELLER + 1, SELLER + 2, COLLECTOR, COLLECTOR + 1]

creditors = st.sampled_from(CREDITORS)
amounts = st.one_of(st.integers(0, 5000), st.just(2**63 - 1), st.just(2**62))
actions = st.one_of(
    st.tuples(st.just("configure"), creditors, st.integers(0, 1), st.sampled_from([0.0, 300.0, 1e30])),
    st.tuples(st.just("issue"), creditors, amounts),
    st.tuples(st.just("pay"), creditors, st.sampled_from([0, *CREDITORS]), amounts),
    st.tuples(st.just("prepare"), creditors, creditors, amounts),
    st.tuples(st.just("finalize"), st.integers(0, 50), st.integers(0, 200)),
    st.tuples(st.just("rate"), st.sampled_from([-50.0, -3.0, 0.0, 5.0, 100.0])),
    st.tuples(st.just("wait"), st.sampled_from([0.5, 3600.0, 86400.0, 20 * 86400.0, 120 * 86400.0])),
)


class History:
    """Plays random actions on an authority with random faults, and audits after each."""

    def __init__(self, seed: int, account_ids: str) -> None:
        self.clock = FakeClock(datetime(2026, 1, 1, tzinfo=UTC))
        faults = ScriptedFaults(
            seed,
            prepare_rules=[Rule("FOO", probability=0.05)],
            commit_rules=[Rule("TIMEOUT", probability=0.05)],
            duplicate_rules=[Rule("twice", probability=0.1)],
            late_rules=[(Rule("late", probability=0.1), timedelta(hours=1))],
            early_rate_changes=True,
        )
        ids = AuthoritySettings(account_ids="opaque" if account_ids == "opaque" else "u64")
        self.authority = Authority(ids, self.clock, faults=faults, seed=seed)
        self.authority.configure_currency(DEBTOR)
        self.open: list[smp.PreparedTransfer] = []
        self.committed = 0
        self.taken = 0
        self.given = 0
        self.numbers: dict[tuple[int, object], list[int]] = {}
        self.take(self.authority.step([configure(creditor, self.clock()) for creditor in CREDITORS]))

    def play(self, action: tuple[object, ...]) -> None:
        now = self.clock.advance(seconds=1)
        match action:
            case ("configure", int(creditor), int(flags), float(negligible)):
                self.take(self.authority.step([configure(creditor, now, flags=flags, negligible=negligible)]))
            case ("issue", int(creditor), int(amount)):
                self.order(0, creditor, amount)
            case ("pay", int(payer), int(payee), int(amount)):
                self.order(payer, payee, amount)
            case ("prepare", int(sender), int(recipient), int(amount)):
                found = self.authority.account(DEBTOR, recipient)
                account_id = found.account_id if found else str(recipient)
                self.take(self.authority.step([prepare(sender, account_id, now, most=amount)]))
            case ("finalize", int(which), int(percent)):
                if self.open:
                    transfer = self.open[which % len(self.open)]
                    amount = min(2**63 - 1, transfer.locked_amount * percent // 100)
                    self.take(self.authority.step([finalize(transfer, amount, now)]))
            case ("rate", float(rate)):
                self.authority.configure_currency(DEBTOR, RootConfig(rate=rate))
            case ("wait", float(seconds)):
                self.clock.advance(seconds=seconds)
                self.take(self.authority.step())
        self.authority.audit()

    def order(self, payer: int, payee: int, amount: int) -> None:
        try:
            if payer == 0:
                self.authority.issue(DEBTOR, payee, amount)
            else:
                self.authority.pay(DEBTOR, payer, payee, amount)
        except PaymentError:
            pass

    def take(self, messages: list[smp.Message]) -> None:
        """Checks what the messages say against each other."""
        self.open.extend(m for m in of_kind(messages, smp.PreparedTransfer) if m.coordinator_type == "agent")
        for result in of_kind(messages, smp.FinalizedTransfer):
            assert result.status_code == "OK" or result.committed_amount == 0
            if result.coordinator_type == "agent":
                self.committed += result.committed_amount
        for transfer in of_kind(messages, smp.AccountTransfer):
            chain = self.numbers.setdefault((transfer.creditor_id, transfer.creation_date), [0])
            assert transfer.previous_transfer_number == chain[-1]
            chain.append(transfer.transfer_number)
            if transfer.coordinator_type == "agent":
                self.taken -= min(0, transfer.acquired_amount)
                self.given += max(0, transfer.acquired_amount)


@given(st.lists(actions, max_size=60), st.integers(0, 1000), st.sampled_from(["u64", "opaque"]))
@settings(max_examples=examples(150), deadline=None)
def test_money_is_conserved_whatever_happens(history: list[tuple[object, ...]], seed: int, account_ids: str) -> None:
    world = History(seed, account_ids)
    for action in history:
        world.play(action)
    world.clock.advance(hours=2)
    world.take(world.authority.step())
    world.clock.advance(hours=2)
    world.take(world.authority.step())
    refused = sum(credit.amount for credit in world.authority.books.credits if credit.coordinator_type == "agent")
    assert world.committed == world.taken == world.given + refused

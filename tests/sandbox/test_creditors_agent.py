"""Ledgers and notifications of the creditors agent."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta

import pytest

from sandbox.creditors.agent import AgentSettings, CreditorsAgent, Policy
from sandbox.protocol import smp
from tests.covering import covers
from tests.sandbox.box import BUYER, DEBTOR, SELLER, of_kind, only
from tests.sandbox.conftest import FakeClock

D1 = date(2026, 11, 23)
D2 = date(2026, 12, 1)
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def account_update(
    clock: FakeClock,
    *,
    principal: int = 0,
    number: int = 0,
    seqnum: int = 1,
    created: date = D1,
    account_id: str = "acc",
    age: timedelta = timedelta(),
    committed_at: datetime = NEVER,
    flags: int = 0,
    negligible: float = 0.0,
    creditor_id: int = SELLER,
) -> smp.AccountUpdate:
    return smp.AccountUpdate(
        debtor_id=DEBTOR,
        creditor_id=creditor_id,
        creation_date=created,
        last_change_ts=datetime(2026, 11, 23, tzinfo=UTC),
        last_change_seqnum=seqnum,
        principal=principal,
        interest=0.0,
        interest_rate=0.0,
        last_interest_rate_change_ts=NEVER,
        last_config_ts=NEVER,
        last_config_seqnum=0,
        negligible_amount=negligible,
        config_flags=flags,
        config_data="",
        account_id=account_id,
        debtor_info_iri="",
        debtor_info_content_type="",
        debtor_info_sha256="",
        last_transfer_number=number,
        last_transfer_committed_at=committed_at,
        demurrage_rate=-50.0,
        commit_period=7776000,
        transfer_note_max_bytes=500,
        ts=clock() - age,
        ttl=604800,
    )


def account_transfer(
    clock: FakeClock, number: int, amount: int, principal: int, *, created: date = D1, previous: int | None = None
) -> smp.AccountTransfer:
    return smp.AccountTransfer(
        debtor_id=DEBTOR,
        creditor_id=SELLER,
        creation_date=created,
        transfer_number=number,
        coordinator_type="agent",
        sender="a",
        recipient="b",
        acquired_amount=amount,
        transfer_note_format="",
        transfer_note="",
        committed_at=clock(),
        principal=principal,
        ts=clock(),
        previous_transfer_number=number - 1 if previous is None else previous,
    )


@pytest.fixture
def agent(clock: FakeClock) -> CreditorsAgent:
    """One open account, whose update counter starts at 1000; ledger runs are immediate."""
    agent = CreditorsAgent(AgentSettings(ledger_period=timedelta()), clock, first_update_id=1000)
    agent.open_account(SELLER, DEBTOR)
    assert isinstance(agent.take_outgoing()[0], smp.ConfigureAccount)
    return agent


def told(messages: list[smp.Message]) -> list[tuple[int, int, int]]:
    return [(m.update_id, m.principal, m.last_transfer_number) for m in of_kind(messages, smp.UpdatedLedger)]


@covers("A16")
def test_a_ledger_moves_in_the_order_of_transfers(agent: CreditorsAgent, clock: FakeClock) -> None:
    assert told(agent.step([account_update(clock, principal=100000, number=1)])) == [(1001, 0, 0)]
    assert told(agent.step([account_transfer(clock, 1, 100000, 100000)])) == [(1002, 100000, 1)]
    assert told(agent.step([account_transfer(clock, 3, -500, 29500)])) == []
    assert told(agent.step([account_transfer(clock, 2, -70000, 30000)])) == [(1004, 29500, 3)]
    assert told(agent.step([account_update(clock, principal=29500, number=3, seqnum=4)])) == []


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_any_order_of_messages_ends_in_the_same_ledger(clock: FakeClock, order: tuple[int, ...]) -> None:
    agent = CreditorsAgent(AgentSettings(ledger_period=timedelta()), clock)
    agent.open_account(SELLER, DEBTOR)
    news: list[smp.AccountNews] = [
        account_update(clock),
        account_transfer(clock, 1, 10, 10),
        account_transfer(clock, 2, 10, 20),
        account_transfer(clock, 4, 10, 35, previous=2),
    ]
    for which in order:
        agent.step([news[which]])
        agent.step([news[which]])
    ledger = agent.accounts[SELLER, DEBTOR].ledger
    assert (ledger.principal, ledger.last_transfer_number, ledger.pending) == (35, 4, {})


def test_ledger_runs_every_five_seconds(clock: FakeClock) -> None:
    agent = CreditorsAgent(AgentSettings(), clock)
    agent.open_account(SELLER, DEBTOR)
    # What the authority says for the first time is passed on at once, transfers wait for the next run.
    assert len(told(agent.step([account_update(clock)]))) == 1
    clock.advance(seconds=1)
    assert told(agent.step([account_transfer(clock, 1, 10, 10)])) == []
    assert told(agent.step([account_transfer(clock, 2, 10, 20)])) == []
    clock.advance(seconds=4)
    assert told(agent.step()) == [(1003, 20, 2)]
    assert told(agent.step()) == []


def test_a_new_account_id_is_told_with_the_ledger(agent: CreditorsAgent, clock: FakeClock) -> None:
    agent.step([account_update(clock), account_transfer(clock, 1, 10, 10)])
    changed = only(agent.step([account_update(clock, seqnum=2, account_id="new")]), smp.UpdatedLedger)
    assert (changed.update_id, changed.account_id, changed.principal) == (1003, "new", 10)


def test_expired_and_old_updates_change_nothing(agent: CreditorsAgent, clock: FakeClock) -> None:
    assert told(agent.step([account_update(clock, age=timedelta(days=7, seconds=1))])) == []
    assert len(told(agent.step([account_update(clock, seqnum=5)]))) == 1
    assert told(agent.step([account_update(clock, seqnum=4, account_id="old")])) == []


def test_a_second_life_starts_the_ledger_anew(agent: CreditorsAgent, clock: FakeClock) -> None:
    agent.step([account_update(clock), account_transfer(clock, 1, 10, 10)])
    early = agent.step([account_transfer(clock, 1, 7, 7, created=D2)])
    assert told(early) == []
    second = of_kind(agent.step([account_update(clock, created=D2, account_id="two")]), smp.UpdatedLedger)
    assert [(m.creation_date, m.account_id, m.principal, m.last_transfer_number) for m in second] == [
        (D2, "two", 0, 0),
        (D2, "two", 7, 1),
    ]
    assert told(agent.step([account_transfer(clock, 2, 10, 20, created=D1)])) == []


def test_negligible_transfers_are_corrected_after_an_hour(agent: CreditorsAgent, clock: FakeClock) -> None:
    agent.step([account_update(clock, principal=5)])
    clock.advance(minutes=50)
    assert told(agent.step()) == []
    clock.advance(minutes=20)
    assert told(agent.step()) == [(1002, 5, 0)]
    clock.advance(minutes=20)
    assert told(agent.step()) == []


def test_a_gap_is_bridged_after_two_weeks(agent: CreditorsAgent, clock: FakeClock) -> None:
    agent.step([account_update(clock)])
    agent.step([account_transfer(clock, 3, 1, 30), account_transfer(clock, 4, 1, 31)])
    clock.advance(days=14)
    assert told(agent.step()) == []
    clock.advance(hours=1)
    assert told(agent.step()) == [(1003, 31, 4)]


def test_lost_last_transfers_are_caught_up_from_the_account(agent: CreditorsAgent, clock: FakeClock) -> None:
    agent.step([account_update(clock, principal=9, number=2, committed_at=clock())])
    clock.advance(days=14)
    assert told(agent.step()) == []
    clock.advance(hours=1)
    assert told(agent.step()) == [(1002, 9, 2)]


def test_unknown_accounts_are_discarded(agent: CreditorsAgent, clock: FakeClock) -> None:
    request = only(agent.step([account_update(clock, creditor_id=BUYER)]), smp.ConfigureAccount)
    assert (request.creditor_id, request.config_flags, request.negligible_amount) == (BUYER, 1, 1e30)
    assert agent.step([account_update(clock, creditor_id=BUYER, flags=1, negligible=1.0000000150474662e30)]) == []


def test_policies_flags_and_deletion(agent: CreditorsAgent, clock: FakeClock) -> None:
    agent.open_account(SELLER, DEBTOR + 1)
    agent.take_outgoing()
    policy = Policy("conservative", 0, 500, DEBTOR + 1, 1.5)
    agent.set_policy(SELLER, DEBTOR, policy)
    agent.set_policy(SELLER, DEBTOR, policy)
    updated = only(agent.step(), smp.UpdatedPolicy)
    assert (updated.update_id, updated.policy_name, updated.peg_debtor_id, updated.peg_exchange_rate) == (
        2,
        "conservative",
        DEBTOR + 1,
        1.5,
    )
    agent.set_flags(SELLER, DEBTOR, 1)
    configured, flags = agent.step()
    assert isinstance(configured, smp.ConfigureAccount)
    assert isinstance(flags, smp.UpdatedFlags)
    assert (configured.config_flags, configured.seqnum, flags.config_flags, flags.update_id) == (1, 1, 1, 2)

    agent.delete_account(SELLER, DEBTOR)
    ledger, policy_gone, flags_gone = agent.step()
    assert isinstance(ledger, smp.UpdatedLedger)
    assert isinstance(policy_gone, smp.UpdatedPolicy)
    assert isinstance(flags_gone, smp.UpdatedFlags)
    assert (ledger.account_id, ledger.creation_date, ledger.principal) == ("", date(1970, 1, 1), 0)
    assert (policy_gone.policy_name, policy_gone.min_principal, policy_gone.max_principal) == (
        None,
        -(2**63),
        2**63 - 1,
    )
    assert flags_gone.config_flags == 0
    assert ledger.update_id == policy_gone.update_id == flags_gone.update_id > 2


def test_impossible_policies_are_refused(agent: CreditorsAgent) -> None:
    with pytest.raises(ValueError, match="above"):
        Policy("conservative", 5, 4)
    with pytest.raises(ValueError, match="both"):
        Policy("conservative", 0, 4, peg_debtor_id=7)
    with pytest.raises(ValueError, match="no account"):
        agent.set_policy(SELLER, DEBTOR, Policy("conservative", 0, 4, 7, 1.0))
    with pytest.raises(ValueError, match="open"):
        agent.open_account(SELLER, DEBTOR)

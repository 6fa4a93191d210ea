"""Wrong and unlucky decisions on demand; money is conserved in all of them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sandbox.authority import Authority, RootConfig, Rule, ScriptedFaults, Terms
from sandbox.protocol import smp
from tests.sandbox.box import (
    BUYER,
    COLLECTOR,
    DEBTOR,
    SELLER,
    account,
    configure,
    finalize,
    of_kind,
    only,
    prepare,
    prepared,
    try_prepare,
)
from tests.sandbox.conftest import FakeClock, make_authority


def rich(clock: FakeClock, faults: ScriptedFaults) -> Authority:
    authority = make_authority(clock, faults=faults)
    authority.issue(DEBTOR, SELLER, 1000)
    clock.advance(seconds=1)
    authority.step()
    return authority


def test_a_lost_commit_is_repeated_after_a_reminder(clock: FakeClock) -> None:
    authority = rich(clock, ScriptedFaults(lost_rules=[Rule("", times=1)]))
    transfer = prepared(authority, prepare(SELLER, str(COLLECTOR), clock(), most=1000))
    assert of_kind(authority.step([finalize(transfer, 500, clock())]), smp.FinalizedTransfer) == []
    clock.advance(days=7, seconds=1)
    assert only(authority.step(), smp.PreparedTransfer).transfer_id == transfer.transfer_id
    result = only(authority.step([finalize(transfer, 500, clock())]), smp.FinalizedTransfer)
    assert (result.status_code, result.committed_amount) == ("OK", 500)


def test_money_that_others_have_locked_can_not_be_locked_again(clock: FakeClock) -> None:
    authority = rich(clock, ScriptedFaults())
    foreign = authority.lock(DEBTOR, SELLER, BUYER, 700)
    assert foreign is not None
    authority.step()
    assert prepared(authority, prepare(SELLER, str(COLLECTOR), clock(), most=1000)).locked_amount == 300
    assert authority.lock(DEBTOR, SELLER, BUYER, 1) is None
    authority.end_lock(DEBTOR, SELLER, foreign, 600)
    authority.step()
    left = account(authority, SELLER)
    assert (left.principal, left.total_locked_amount) == (400, 300)


def test_preparations_are_rejected_as_told(clock: FakeClock) -> None:
    faults = ScriptedFaults(prepare_rules=[Rule("FOO", times=2, matches=lambda m: m.creditor_id == SELLER)])
    authority = make_authority(clock, faults=faults)
    assert try_prepare(authority, prepare(SELLER, str(COLLECTOR), clock())) == "FOO"
    prepared(authority, prepare(BUYER, str(COLLECTOR), clock()))
    assert try_prepare(authority, prepare(SELLER, str(COLLECTOR), clock())) == "FOO"
    prepared(authority, prepare(SELLER, str(COLLECTOR), clock()))


def test_commits_fail_as_told(clock: FakeClock) -> None:
    authority = rich(clock, ScriptedFaults(commit_rules=[Rule("TIMEOUT", times=1)]))
    transfer = prepared(authority, prepare(SELLER, str(COLLECTOR), clock(), most=1000))
    result = only(authority.step([finalize(transfer, 500, clock())]), smp.FinalizedTransfer)
    assert (result.status_code, result.committed_amount, result.total_locked_amount) == ("TIMEOUT", 0, 0)
    assert account(authority, SELLER).principal == 1000
    transfer = prepared(authority, prepare(SELLER, str(COLLECTOR), clock(), most=1000))
    assert only(authority.step([finalize(transfer, 500, clock())]), smp.FinalizedTransfer).status_code == "OK"


def test_configurations_are_rejected_as_told(clock: FakeClock) -> None:
    faults = ScriptedFaults()
    authority = make_authority(clock, faults=faults)
    faults.config_rules.append(Rule("NO_ACCOUNTS_ALLOWED", times=1))
    request = configure(SELLER + 9, clock())
    assert only(authority.step([request]), smp.RejectedConfig).rejection_code == "NO_ACCOUNTS_ALLOWED"
    assert only(authority.step([request]), smp.AccountUpdate).creditor_id == SELLER + 9


def test_a_rate_changes_too_early_as_told(clock: FakeClock) -> None:
    faults = ScriptedFaults()
    authority = make_authority(clock, faults=faults, config=RootConfig(rate=4.0))
    clock.advance(days=1)
    authority.configure_currency(DEBTOR, RootConfig(rate=5.0))
    authority.apply_rate(account(authority, SELLER))
    assert account(authority, SELLER).interest_rate == 4.0
    faults.early_rate_changes = True
    authority.apply_rate(account(authority, SELLER))
    assert account(authority, SELLER).interest_rate == 5.0


def test_a_recipient_is_unreachable_as_told(clock: FakeClock) -> None:
    faults = ScriptedFaults(unreachable={(DEBTOR, str(COLLECTOR))})
    authority = make_authority(clock, faults=faults)
    assert try_prepare(authority, prepare(SELLER, str(COLLECTOR), clock())) == "RECIPIENT_IS_UNREACHABLE"
    faults.unreachable.clear()
    prepared(authority, prepare(SELLER, str(COLLECTOR), clock()))


def test_reminders_come_on_demand(clock: FakeClock) -> None:
    authority = rich(clock, ScriptedFaults())
    transfer = prepared(authority, prepare(SELLER, str(COLLECTOR), clock(), most=10))
    known = account(authority, SELLER).transfers[transfer.transfer_id]
    authority.remind(account(authority, SELLER), known)
    assert authority.take_outgoing() == [transfer]
    authority.step([finalize(transfer, 10, clock())])
    authority.remind(account(authority, SELLER), known)
    assert authority.take_outgoing() == [transfer]


def test_messages_are_processed_late_as_told(clock: FakeClock) -> None:
    faults = ScriptedFaults(
        late_rules=[(Rule("late", matches=lambda m: m.creditor_id == SELLER), timedelta(minutes=2))]
    )
    authority = rich(clock, faults)
    transfer = prepared(authority, prepare(SELLER, str(COLLECTOR), clock(), most=10, max_commit_delay=60))
    assert authority.step([finalize(transfer, 10, clock())]) == []
    clock.advance(minutes=2)
    assert only(authority.step(), smp.FinalizedTransfer).status_code == "TIMEOUT"


def test_one_request_makes_two_locks_as_told(clock: FakeClock) -> None:
    authority = rich(clock, ScriptedFaults(duplicate_rules=[Rule("twice", times=1)]))
    request = prepare(SELLER, str(COLLECTOR), clock(), least=1, most=600)
    first, second = of_kind(authority.step([request]), smp.PreparedTransfer)
    assert (first.locked_amount, second.locked_amount) == (600, 400)
    assert authority.audit()[DEBTOR].locked == 1000
    assert [transfer.locked_amount for _, transfer in authority.open_transfers()] == [600, 400]
    authority.step([finalize(second, 0, clock()), finalize(first, 600, clock())])
    assert authority.audit()[DEBTOR].locked == 0


def test_accounts_have_poor_terms_as_told(clock: FakeClock) -> None:
    poor = Terms(demurrage_rate=-60.0, commit_period=timedelta(days=20), transfer_note_max_bytes=70)
    faults = ScriptedFaults(poor_terms=lambda found: poor if found.creditor_id == COLLECTOR else None)
    authority = make_authority(clock, faults=faults)
    clock.advance(seconds=1)
    update = only(authority.step([configure(COLLECTOR, clock())]), smp.AccountUpdate)
    assert (update.demurrage_rate, update.commit_period, update.transfer_note_max_bytes) == (-60.0, 20 * 86400, 70)
    transfer = prepared(authority, prepare(COLLECTOR, str(BUYER), clock()))
    assert (transfer.demurrage_rate, transfer.deadline) == (-60.0, clock() + timedelta(days=20))
    assert prepared(authority, prepare(SELLER, str(BUYER), clock())).demurrage_rate == -50.0


def test_an_account_has_no_id_at_first_as_told(clock: FakeClock) -> None:
    faults = ScriptedFaults(hidden_identities={(DEBTOR, COLLECTOR)})
    authority = make_authority(clock, faults=faults)
    clock.advance(seconds=1)
    first = only(authority.step([configure(COLLECTOR, clock())]), smp.AccountUpdate)
    faults.hidden_identities.clear()
    authority.look_after_all()
    second = only(authority.take_outgoing(), smp.AccountUpdate)
    assert (first.account_id, second.account_id) == ("", str(COLLECTOR))
    assert second.last_change_seqnum == first.last_change_seqnum + 1


@pytest.mark.parametrize("seed", [1, 2])
def test_probabilities_repeat_with_the_seed(clock: FakeClock, seed: int) -> None:
    def story() -> list[bool]:
        faults = ScriptedFaults(seed=seed, prepare_rules=[Rule("FOO", probability=0.5)])
        authority = make_authority(clock, faults=faults)
        return [try_prepare(authority, prepare(SELLER, str(BUYER), clock())) == "FOO" for _ in range(30)]

    first = story()
    assert first == story()
    assert 5 < sum(first) < 25


def test_an_account_vanishes_and_comes_back_as_told(clock: FakeClock) -> None:
    authority = rich(clock, ScriptedFaults())
    with pytest.raises(ValueError, match="in use"):
        authority.vanish(account(authority, SELLER))
    old = account(authority, BUYER)
    authority.vanish(old)
    assert [type(message) for message in authority.step()] == [smp.AccountUpdate, smp.AccountPurge]
    assert authority.account(DEBTOR, BUYER) is None
    authority.step([configure(BUYER, clock())])
    assert account(authority, BUYER).creation_date > old.creation_date


def test_interest_and_returned_money_explain_what_circulates(clock: FakeClock) -> None:
    authority = make_authority(clock, config=RootConfig(rate=10.0))
    authority.issue(DEBTOR, SELLER, 100_000)
    clock.advance(days=30)
    authority.step()
    totals = authority.audit()[DEBTOR]
    assert totals.capitalised > 0
    assert totals.circulating == 100_000 + totals.capitalised
    authority.step([configure(SELLER, clock(), seqnum=1, flags=1, negligible=1e30)])
    clock.advance(days=30)
    authority.step()
    totals = authority.audit()[DEBTOR]
    assert totals.returned > 100_000
    assert totals.circulating == 100_000 + totals.capitalised - totals.returned == 0

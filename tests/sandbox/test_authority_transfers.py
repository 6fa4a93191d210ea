"""Prepared transfers: checks, locks, commits, both sides of a payment."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sandbox.authority import Authority, AuthoritySettings, PaymentError, RootConfig
from sandbox.protocol import smp
from tests.covering import covers
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

STRANGER = 4294967306


def issue(authority: Authority, creditor_id: int, amount: int, clock: FakeClock) -> list[smp.Message]:
    authority.issue(DEBTOR, creditor_id, amount)
    clock.advance(seconds=1)
    return authority.step()


@covers("A6")
@pytest.mark.parametrize(("negligible", "config"), [(0.0, RootConfig()), (1e30, RootConfig(limit=9999))])
def test_issuing_is_limited_in_two_ways(clock: FakeClock, negligible: float, config: RootConfig) -> None:
    authority = make_authority(clock)
    authority.configure_currency(DEBTOR, config, negligible_amount=negligible)
    with pytest.raises(PaymentError, match="INSUFFICIENT_AVAILABLE_AMOUNT"):
        authority.issue(DEBTOR, SELLER, 10000)
    authority.configure_currency(DEBTOR, RootConfig(limit=10000))
    authority.issue(DEBTOR, SELLER, 10000)
    assert authority.audit()[DEBTOR].circulating == 10000


@covers("A10")
def test_locks_take_the_available_amount(authority: Authority, clock: FakeClock) -> None:
    issue(authority, SELLER, 50000, clock)
    first = prepared(authority, prepare(SELLER, str(COLLECTOR), clock(), least=1059, most=84687))
    assert first.locked_amount == 50000
    refused = only(authority.step([prepare(SELLER, str(COLLECTOR), clock(), least=1, most=1)]), smp.RejectedTransfer)
    assert (refused.status_code, refused.total_locked_amount) == ("INSUFFICIENT_AVAILABLE_AMOUNT", 50000)
    assert prepared(authority, prepare(SELLER, str(COLLECTOR), clock())).locked_amount == 0
    assert account(authority, SELLER).last_change_seqnum == 2  # configuration and issued money: locks are no change


@pytest.mark.parametrize(
    ("request_fields", "code"),
    [
        ({"sender": SELLER, "recipient": "x"}, "RECIPIENT_IS_UNREACHABLE"),
        ({"sender": SELLER, "recipient": "1103806595099", "kind": "direct"}, "RECIPIENT_IS_UNREACHABLE"),
        ({"sender": 1103806595098, "recipient": str(BUYER)}, "SENDER_IS_UNREACHABLE"),
        ({"sender": SELLER, "recipient": str(STRANGER)}, "RECIPIENT_IS_UNREACHABLE"),
        ({"sender": SELLER, "recipient": "0"}, "RECIPIENT_IS_UNREACHABLE"),
        ({"sender": SELLER, "recipient": str(BUYER), "coordinator_id": STRANGER}, "RECIPIENT_IS_UNREACHABLE"),
        ({"sender": SELLER, "recipient": str(SELLER)}, "RECIPIENT_SAME_AS_SENDER"),
        ({"sender": SELLER, "recipient": str(BUYER), "least": 1, "most": 9}, "INSUFFICIENT_AVAILABLE_AMOUNT"),
    ],
)
def test_each_bad_request_has_its_rejection(
    authority: Authority, clock: FakeClock, request_fields: dict[str, object], code: str
) -> None:
    assert try_prepare(authority, prepare(ts=clock(), **request_fields)) == code  # type: ignore[arg-type]


def test_too_many_open_transfers(clock: FakeClock) -> None:
    authority = make_authority(clock, AuthoritySettings(max_pending_transfers=1))
    prepared(authority, prepare(SELLER, str(COLLECTOR), clock()))
    assert try_prepare(authority, prepare(SELLER, str(COLLECTOR), clock())) == "TOO_MANY_TRANSFERS"


@pytest.mark.parametrize(
    "fields",
    [
        {"least": 2, "most": 1},
        {"kind": "issuing"},
        {"kind": "direct", "coordinator_id": BUYER},
    ],
)
def test_malformed_requests_get_no_answer(authority: Authority, clock: FakeClock, fields: dict[str, object]) -> None:
    with pytest.raises(smp.MalformedMessageError):
        authority.handle(prepare(SELLER, str(BUYER), clock(), **fields))  # type: ignore[arg-type]
    assert authority.step() == []


def test_an_agent_transfer_creates_its_recipient(authority: Authority, clock: FakeClock) -> None:
    issue(authority, SELLER, 100, clock)
    newcomer = SELLER + 77
    transfer = prepared(authority, prepare(SELLER, str(newcomer), clock(), most=100))
    authority.step([finalize(transfer, 60, clock())])
    clock.advance(seconds=1)
    messages = authority.step()
    update, received = messages
    assert isinstance(update, smp.AccountUpdate)
    assert isinstance(received, smp.AccountTransfer)
    assert (update.creditor_id, update.principal, update.last_config_ts.year) == (newcomer, 0, 1970)
    assert (received.transfer_number, received.previous_transfer_number, received.principal) == (1, 0, 60)


@covers("A12")
def test_dismissal_and_commit_of_more_than_was_locked(authority: Authority, clock: FakeClock) -> None:
    issue(authority, SELLER, 70000, clock)
    transfer = prepared(authority, prepare(SELLER, str(COLLECTOR), clock()))
    other = prepared(authority, prepare(SELLER, str(COLLECTOR), clock(), most=2))
    result = only(authority.step([finalize(transfer, 69999, clock())]), smp.FinalizedTransfer)
    assert (result.status_code, result.committed_amount) == ("INSUFFICIENT_AVAILABLE_AMOUNT", 0)
    result = only(authority.step([finalize(other, 0, clock())]), smp.FinalizedTransfer)
    assert (result.status_code, result.committed_amount, result.total_locked_amount) == ("OK", 0, 0)
    again = prepared(authority, prepare(SELLER, str(COLLECTOR), clock()))
    result = only(authority.step([finalize(again, 69999, clock())]), smp.FinalizedTransfer)
    assert (result.status_code, result.committed_amount) == ("OK", 69999)


@covers("A12")
def test_a_reserved_commit_may_overdraw_the_sender(clock: FakeClock) -> None:
    authority = make_authority(clock, config=RootConfig(rate=-50.0))
    issue(authority, SELLER, 1000, clock)
    transfer = prepared(authority, prepare(SELLER, str(COLLECTOR), clock(), most=1000))
    clock.advance(days=10)
    authority.handle(finalize(transfer, 981, clock()))
    assert only(authority.take_outgoing()[:1], smp.FinalizedTransfer).status_code == "OK"
    seller = account(authority, SELLER)
    assert (seller.principal, seller.balance_floor(clock())) == (19, 0)
    clock.advance(days=10)
    assert seller.principal + seller.accumulated(clock()) == pytest.approx(0.2016, abs=0.01)


@covers("A11")
def test_the_deadline_counts_when_the_commit_is_processed(authority: Authority, clock: FakeClock) -> None:
    issue(authority, SELLER, 100, clock)
    for late, code in ((0, "OK"), (1, "TIMEOUT")):
        transfer = prepared(authority, prepare(SELLER, str(COLLECTOR), clock(), most=10, max_commit_delay=60))
        clock.now = transfer.deadline + timedelta(microseconds=late)
        result = only(authority.step([finalize(transfer, 10, clock())]), smp.FinalizedTransfer)
        assert (result.status_code, result.total_locked_amount) == (code, 0)


@covers("A13")
def test_only_negligible_direct_payments_are_not_told(authority: Authority, clock: FakeClock) -> None:
    authority.step([configure(BUYER, clock.advance(seconds=1), negligible=500.0)])
    issue(authority, SELLER, 10000, clock)

    def received(amount: int, kind: str) -> list[int]:
        if kind == "direct":
            authority.pay(DEBTOR, SELLER, BUYER, amount)
        else:
            transfer = prepared(authority, prepare(SELLER, str(BUYER), clock(), most=amount))
            authority.handle(finalize(transfer, amount, clock()))
        clock.advance(seconds=1)
        transfers = of_kind(authority.step(), smp.AccountTransfer)
        return [transfer.transfer_number for transfer in transfers if transfer.creditor_id == BUYER]

    assert received(500, "direct") == []
    assert received(501, "direct") == [1]
    assert received(500, "agent") == [2]
    assert account(authority, BUYER).principal == 1501

    authority.pay(DEBTOR, BUYER, 0, 5)
    clock.advance(seconds=1)
    paid = only(authority.step(), smp.AccountTransfer)
    assert (paid.creditor_id, paid.transfer_number, paid.acquired_amount) == (BUYER, 3, -5)


@covers("A13")
def test_negative_interest_is_never_negligible(clock: FakeClock) -> None:
    authority = make_authority(clock, config=RootConfig(rate=-50.0))
    issue(authority, COLLECTOR, 10000, clock)
    clock.advance(days=15)
    interest = only(authority.step(), smp.AccountTransfer)
    assert (interest.coordinator_type, interest.transfer_number, interest.creditor_id) == ("interest", 1, COLLECTOR)
    assert interest.acquired_amount < 0


@covers("A14")
def test_all_balances_add_up_to_0(clock: FakeClock) -> None:
    authority = make_authority(clock, config=RootConfig(rate=5.0))
    issue(authority, SELLER, 100000, clock)
    for sender, recipient, amount in ((SELLER, COLLECTOR, 70000), (COLLECTOR, BUYER, 69999)):
        transfer = prepared(authority, prepare(sender, str(recipient), clock()))
        authority.step([finalize(transfer, amount, clock())])
        assert authority.audit()[DEBTOR].in_flight == amount
        clock.advance(seconds=1)
        authority.step()
    authority.pay(DEBTOR, SELLER, 0, 500)
    clock.advance(seconds=1)
    authority.step()
    principals = {key[1]: found.principal for key, found in authority.books.accounts.items()}
    assert principals == {0: -99500, SELLER: 29500, COLLECTOR: 1, BUYER: 69999}

    buyer = account(authority, BUYER)
    buyer.interest = 3.5 + 69999 * 0.0001  # enough to be capitalised: 10 tokens
    clock.advance(days=0.01)
    authority.look_after_all()
    authority.step()
    amount = buyer.principal - 69999
    assert amount == 10
    assert authority.audit()[DEBTOR].circulating == 99500 + amount
    assert sum(found.principal for found in authority.books.accounts.values()) == 0


@covers("A18")
def test_a_repeated_request_prepares_two_transfers(authority: Authority, clock: FakeClock) -> None:
    request = prepare(SELLER, str(COLLECTOR), clock())
    issue(authority, SELLER, 10, clock)
    first, second = of_kind(authority.step([request, request]), smp.PreparedTransfer)
    assert second.transfer_id == first.transfer_id + 1
    assert first.coordinator_request_id == second.coordinator_request_id
    committed = only(authority.step([finalize(first, 5, clock())]), smp.FinalizedTransfer)
    dismissed = only(authority.step([finalize(second, 0, clock())]), smp.FinalizedTransfer)
    assert [(committed.status_code, committed.committed_amount)] == [("OK", 5)]
    assert [(dismissed.status_code, dismissed.committed_amount)] == [("OK", 0)]
    assert authority.step([finalize(first, 5, clock())]) == []


def test_a_finalize_that_differs_in_one_key_is_ignored(authority: Authority, clock: FakeClock) -> None:
    transfer = prepared(authority, prepare(SELLER, str(COLLECTOR), clock()))
    proper = finalize(transfer, 0, clock())
    fields = {name: getattr(proper, name) for name in proper.__struct_fields__}
    for name in ("debtor_id", "creditor_id", "transfer_id", "coordinator_id", "coordinator_request_id"):
        assert authority.step([smp.FinalizeTransfer(**{**fields, name: fields[name] + 1})]) == []
    assert authority.step([smp.FinalizeTransfer(**{**fields, "coordinator_type": "direct"})]) == []
    assert len(authority.step([proper])) == 1


@covers("A20")
def test_a_request_that_knows_an_older_rate_is_refused(clock: FakeClock) -> None:
    authority = make_authority(clock, config=RootConfig(rate=4.0))
    changed_at = account(authority, SELLER).last_interest_rate_change_ts
    assert changed_at == clock()
    request = prepare(SELLER, str(COLLECTOR), clock(), final_rate_ts=changed_at)
    assert isinstance(try_prepare(authority, request), smp.PreparedTransfer)
    request = prepare(SELLER, str(COLLECTOR), clock(), final_rate_ts=changed_at - timedelta(microseconds=1))
    assert try_prepare(authority, request) == "NEWER_INTEREST_RATE"


@covers("A20")
def test_a_rate_change_after_the_preparation_stops_the_commit(clock: FakeClock) -> None:
    authority = make_authority(clock)
    issue(authority, SELLER, 100, clock)
    transfer = prepared(authority, prepare(SELLER, str(COLLECTOR), clock(), most=9, final_rate_ts=clock()))
    clock.advance(seconds=5)
    authority.configure_currency(DEBTOR, RootConfig(rate=1.0))
    authority.look_after_all()
    result = only(authority.step([finalize(transfer, 9, clock())]), smp.FinalizedTransfer)
    assert (result.status_code, result.committed_amount, result.total_locked_amount) == ("NEWER_INTEREST_RATE", 0, 0)


def test_reminders_are_weekly_and_identical_but_for_their_time(authority: Authority, clock: FakeClock) -> None:
    transfer = prepared(authority, prepare(SELLER, str(COLLECTOR), clock()))
    clock.advance(days=6, hours=23)
    assert of_kind(authority.step(), smp.PreparedTransfer) == []
    clock.advance(days=1)
    reminder = only(authority.step(), smp.PreparedTransfer)
    assert smp.encode(reminder).replace(reminder.ts.isoformat().encode(), transfer.ts.isoformat().encode()) == (
        smp.encode(transfer)
    )
    clock.advance(days=1)
    assert of_kind(authority.step(), smp.PreparedTransfer) == []


def test_opaque_ids_of_deleted_accounts_are_unreachable(clock: FakeClock) -> None:
    authority = make_authority(clock, AuthoritySettings(account_ids="opaque"))
    buyer = account(authority, BUYER)
    assert try_prepare(authority, prepare(SELLER, str(BUYER), clock())) == "RECIPIENT_IS_UNREACHABLE"
    prepared(authority, prepare(SELLER, buyer.account_id, clock()))
    authority.step([configure(BUYER, clock.advance(seconds=1), flags=1)])
    # Scheduled for deletion is no obstacle for an agent transfer, but it is for a direct one.
    prepared(authority, prepare(SELLER, buyer.account_id, clock()))
    direct = prepare(SELLER, buyer.account_id, clock(), kind="direct")
    assert try_prepare(authority, direct) == "RECIPIENT_IS_UNREACHABLE"
    authority.look_after_all()
    assert buyer.deleted
    assert try_prepare(authority, prepare(SELLER, buyer.account_id, clock())) == "RECIPIENT_IS_UNREACHABLE"

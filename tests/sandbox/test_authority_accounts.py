"""Accounts from creation to purge: configuration, updates, interest rates."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sandbox.authority import Authority, AuthoritySettings, ConservationError, DebtorInfo, RootConfig
from sandbox.authority.state import T0
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
)
from tests.sandbox.conftest import FakeClock, make_authority

NEW = SELLER + 1000


def test_a_new_account_is_told_step_by_step(clock: FakeClock) -> None:
    info = DebtorInfo(iri="https://example.com/1", content_type="text/plain", sha256="AB" * 32)
    authority = make_authority(clock, config=RootConfig(rate=4.0, info=info))
    updates = of_kind(authority.step([configure(NEW, clock())]), smp.AccountUpdate)
    told = [(u.last_change_seqnum, u.interest_rate, u.debtor_info_iri, u.debtor_info_sha256) for u in updates]
    assert told == [(1, 0.0, "", ""), (2, 4.0, "", ""), (3, 4.0, info.iri, info.sha256)]
    assert {(u.principal, u.account_id, u.creation_date, u.ts) for u in updates} == {
        (0, str(NEW), clock().date(), clock())
    }


@covers("A17")
def test_configurations_apply_in_order(authority: Authority, clock: FakeClock) -> None:
    ten = clock.set("2026-11-24T10:00:00")
    assert len(authority.step([configure(NEW, ten, seqnum=5)])) == 1
    second = timedelta(seconds=1)
    cases = [
        (configure(NEW, ten, seqnum=5, flags=2), False),
        (configure(NEW, ten, seqnum=6, flags=4), True),
        (configure(NEW, ten - second, seqnum=7, flags=8), False),
        (configure(NEW, ten + second, seqnum=-9, flags=16), True),
    ]
    for request, is_applied in cases:
        told = [update.config_flags for update in of_kind(authority.step([request]), smp.AccountUpdate)]
        assert told == ([request.config_flags] if is_applied else [])


def test_old_configurations_create_nothing_but_still_change_what_exists(authority: Authority, clock: FakeClock) -> None:
    week = timedelta(days=7)
    assert authority.step([configure(NEW, clock() - week - timedelta(seconds=1))]) == []
    assert authority.account(DEBTOR, NEW) is None
    assert len(authority.step([configure(NEW, clock() - week)])) == 1
    clock.advance(days=30)
    assert len(of_kind(authority.step([configure(NEW, clock() - 2 * week, flags=2)]), smp.AccountUpdate)) >= 1
    assert account(authority, NEW).config_flags == 2


@pytest.mark.parametrize(
    ("creditor_id", "data", "negligible"),
    [
        (NEW, "x", 0.0),
        (NEW, "", -1.0),
        (NEW, "", float("inf")),
        (0, '{"rate":101}', 0.0),
        (0, '{"type":"Other"}', 0.0),
        (0, "{", 0.0),
        (0, '{"limit":-1}', 0.0),
    ],
)
def test_invalid_configurations_are_rejected_each_time(
    authority: Authority, clock: FakeClock, creditor_id: int, data: str, negligible: float
) -> None:
    clock.advance(seconds=1)
    request = configure(creditor_id, clock(), data=data, negligible=negligible, flags=3, seqnum=8)
    for _ in range(2):
        rejected = only(authority.step([request]), smp.RejectedConfig)
        assert rejected.rejection_code == "INVALID_CONFIGURATION"
        assert (rejected.config_ts, rejected.config_seqnum, rejected.config_flags) == (request.ts, 8, 3)
        assert rejected.config_data == data
    assert authority.account(DEBTOR, NEW) is None


def test_unknown_root_properties_and_versions_are_accepted(authority: Authority, clock: FakeClock) -> None:
    data = '{"type":"RootConfigData-v2","rate":1.5,"more":[1]}'
    authority.step([configure(0, clock.advance(seconds=1), data=data, negligible=1e30)])
    assert authority.books.currency(DEBTOR).config.rate == 1.5


@covers("A19")
def test_a_rate_changes_8_days_after_the_last_change(clock: FakeClock) -> None:
    clock.set("2026-03-01T10:00:00")
    authority = make_authority(clock, config=RootConfig(rate=4.0))
    assert account(authority, SELLER).last_interest_rate_change_ts == clock()
    clock.advance(days=3)
    authority.configure_currency(DEBTOR, RootConfig(rate=6.0))
    clock.set("2026-03-09T09:59:59")
    authority.look_after_all()
    assert account(authority, SELLER).interest_rate == 4.0
    clock.set("2026-03-09T10:00:00")
    authority.look_after_all()
    seller = account(authority, SELLER)
    assert (seller.interest_rate, seller.previous_interest_rate) == (6.0, 4.0)
    assert seller.last_interest_rate_change_ts == clock()


@covers("A9")
def test_interest_is_capitalised_every_second_week(clock: FakeClock) -> None:
    authority = make_authority(clock, config=RootConfig(rate=5.0))
    authority.issue(DEBTOR, SELLER, 1000000)
    clock.advance(seconds=1)
    authority.step()
    account(authority, SELLER).last_capitalised_at = clock()
    clock.advance(days=13)
    assert of_kind(authority.step(), smp.AccountTransfer) == []
    clock.advance(days=1)
    interest = only(authority.step(), smp.AccountTransfer)
    assert (interest.acquired_amount, interest.sender, interest.principal) == (1871, "0", 1001871)
    assert 0 <= account(authority, SELLER).accumulated(clock()) < 1


def test_heartbeats_repeat_the_last_state(authority: Authority, clock: FakeClock) -> None:
    before = account(authority, SELLER)
    state = (before.last_change_ts, before.last_change_seqnum)
    clock.advance(days=6, hours=23)
    assert of_kind(authority.step(), smp.AccountUpdate) == []
    clock.advance(hours=9)
    heartbeats = [u for u in of_kind(authority.step(), smp.AccountUpdate) if u.creditor_id == SELLER]
    assert [(u.last_change_ts, u.last_change_seqnum) for u in heartbeats] == [state]
    assert heartbeats[0].ts == clock()


def test_updates_after_transfers_are_merged(authority: Authority, clock: FakeClock) -> None:
    for _ in range(3):
        authority.issue(DEBTOR, SELLER, 10)
        clock.advance(seconds=1)
        assert of_kind(authority.step(), smp.AccountUpdate) == []
    clock.advance(hours=8)
    update = next(u for u in of_kind(authority.step(), smp.AccountUpdate) if u.creditor_id == SELLER)
    assert (update.principal, update.last_transfer_number, update.ts) == (30, 3, clock())
    assert update.last_change_ts < update.ts


def test_an_account_is_deleted_revived_purged_and_lives_again(authority: Authority, clock: FakeClock) -> None:
    created = account(authority, COLLECTOR).creation_date
    authority.issue(DEBTOR, COLLECTOR, 50)
    clock.advance(seconds=1)
    authority.step([configure(COLLECTOR, clock(), flags=1, negligible=1e30)])
    clock.advance(days=1)
    messages = [m for m in authority.step() if m.creditor_id == COLLECTOR]
    rest = only(messages, smp.AccountTransfer)
    assert (rest.coordinator_type, rest.acquired_amount, rest.principal) == ("delete", -50, 0)
    assert only(messages, smp.AccountUpdate).principal == 0
    assert authority.account(DEBTOR, COLLECTOR) is None
    assert authority.audit()[DEBTOR].circulating == 0

    # Incoming agent money revives it, under its old name and with its old settings.
    authority.issue(DEBTOR, SELLER, 9)
    clock.advance(seconds=1)
    transfer = prepared(authority, prepare(SELLER, str(COLLECTOR), clock(), most=9))
    authority.step([finalize(transfer, 9, clock())])
    clock.advance(seconds=1)
    authority.step()
    revived = account(authority, COLLECTOR)
    assert (revived.principal, revived.creation_date, revived.config_flags) == (9, created, 1)

    clock.advance(days=15)
    authority.step()
    assert authority.account(DEBTOR, COLLECTOR) is None
    clock.advance(days=105)
    assert of_kind(authority.step(), smp.AccountPurge) == []
    clock.advance(days=2)
    assert only(authority.step(), smp.AccountPurge).creation_date == created
    (update,) = of_kind(authority.step([configure(COLLECTOR, clock(), negligible=1e30)]), smp.AccountUpdate)
    assert update.creation_date == clock().date() > created
    assert update.last_transfer_number == 0


def test_an_open_transfer_prevents_deletion(authority: Authority, clock: FakeClock) -> None:
    transfer = prepared(authority, prepare(SELLER, str(COLLECTOR), clock()))
    authority.step([configure(SELLER, clock.advance(seconds=1), flags=1)])
    authority.look_after_all()
    assert not account(authority, SELLER).deleted
    authority.step([finalize(transfer, 0, clock())])
    authority.look_after_all()
    assert authority.account(DEBTOR, SELLER) is None


def test_a_second_life_begins_at_a_later_date_even_after_an_early_purge(clock: FakeClock) -> None:
    authority = make_authority(clock, AuthoritySettings(account_ids="opaque"))
    first = account(authority, BUYER)
    authority.step([configure(BUYER, clock.advance(seconds=1), flags=1)])
    authority.look_after_all()
    authority.purge(DEBTOR, BUYER)
    authority.step([configure(BUYER, clock())])
    second = account(authority, BUYER)
    assert second.creation_date > first.creation_date
    assert second.account_id != first.account_id
    assert second.last_config_ts != T0


def test_lost_money_stops_the_authority(authority: Authority, clock: FakeClock) -> None:
    authority.issue(DEBTOR, SELLER, 10)
    clock.advance(seconds=1)
    authority.step()
    account(authority, SELLER).principal += 1
    with pytest.raises(ConservationError, match="running sums"):
        authority.audit()
    authority.books.currency(DEBTOR).principals += 1
    with pytest.raises(ConservationError, match="principals 1"):
        authority.step([configure(NEW, clock())])
    with pytest.raises(ConservationError, match="stopped"):
        authority.step()


@covers("A8")
def test_delay_costs_the_recipient_no_interest(clock: FakeClock) -> None:
    settings = AuthoritySettings(pass_period=timedelta(days=30))
    authority = make_authority(clock, settings, config=RootConfig(rate=10.0))
    authority.issue(DEBTOR, SELLER, 70000)
    clock.advance(days=1)
    authority.step()
    seller = account(authority, SELLER)
    assert (seller.principal, seller.last_change_ts) == (70000, clock())
    assert seller.interest == pytest.approx(18.268536994, abs=1e-8)


def test_changes_stay_in_order_when_the_clock_goes_back(authority: Authority, clock: FakeClock) -> None:
    before = account(authority, SELLER).last_change_ts
    request = configure(SELLER, clock() + timedelta(seconds=1))
    clock.advance(hours=-1)
    update = only(authority.step([request]), smp.AccountUpdate)
    assert (update.last_change_ts, update.last_change_seqnum) == (before, 2)
    assert update.ts == before

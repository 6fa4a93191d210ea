"""Does the checker of payments notice? One turn in which two sellers pay a collector, who pays two buyers."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sandbox.authority.state import T0
from sandbox.protocol import smp
from tests.simulation.amounts import HEALTHY_DELAY
from tests.simulation.payments import Payments
from tests.simulation.violation import Violation

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DEBTOR, COLLECTOR, S1, S2, B1, B2 = 666, 0x10000000001, 0x20000000001, 0x20000000002, 0x20000000003, 0x20000000004


@pytest.fixture
def payments() -> Payments:
    found = Payments(amount_cut=1e-5, started={7: NOW})
    found.arranged = {
        ("collecting", 7, DEBTOR, S1, COLLECTOR): 60_000,
        ("collecting", 7, DEBTOR, S2, COLLECTOR): 40_000,
        ("dispatching", 7, DEBTOR, COLLECTOR, B1): 80_000,
        ("dispatching", 7, DEBTOR, COLLECTOR, B2): 20_000,
    }
    return found


def transfer(account: int, amount: int, note: str) -> smp.AccountTransfer:
    return smp.AccountTransfer(
        debtor_id=DEBTOR,
        creditor_id=account,
        ts=NOW,
        creation_date=NOW.date(),
        transfer_number=1,
        coordinator_type="agent",
        sender="",
        recipient="",
        acquired_amount=amount,
        transfer_note_format="-cXchge",
        transfer_note=note,
        committed_at=NOW,
        principal=0,
        previous_transfer_number=0,
    )


def sell(payments: Payments, seller: int, amount: int) -> None:
    note = f"Trading session: 7\nBuyer: {COLLECTOR:x}\nSeller: {seller:x}\n"
    payments.see([transfer(seller, -amount, note), transfer(COLLECTOR, amount, note)])


def commit(payments: Payments, payer: int, amount: int, note: str, transfer_id: int = 1) -> None:
    payments.hear(
        smp.PrepareTransfer(
            debtor_id=DEBTOR,
            creditor_id=payer,
            ts=NOW,
            coordinator_type="agent",
            coordinator_id=payer,
            coordinator_request_id=5,
            min_locked_amount=0,
            max_locked_amount=0,
            recipient="",
            final_interest_rate_ts=T0.replace(second=2),
            max_commit_delay=HEALTHY_DELAY,
        )
    )
    payments.hear(
        smp.FinalizeTransfer(
            debtor_id=DEBTOR,
            creditor_id=payer,
            ts=NOW,
            transfer_id=transfer_id,
            coordinator_type="agent",
            coordinator_id=payer,
            coordinator_request_id=5,
            committed_amount=amount,
            transfer_note_format="-cXchge",
            transfer_note=note,
        )
    )


def to_buyer(buyer: int) -> str:
    return f"Trading session: 7\nSeller: {COLLECTOR:x}\nBuyer: {buyer:x}\n"


@pytest.mark.parametrize("wrong_by", [1, -1])
def test_a_wrong_token_to_a_buyer_is_noticed(payments: Payments, wrong_by: int) -> None:
    sell(payments, S1, 60_000)
    sell(payments, S2, 40_000)
    commit(payments, COLLECTOR, 79_999, to_buyer(B1))
    with pytest.raises(Violation, match=r"not \[79999\]"):
        commit(payments, COLLECTOR, 79_999 + wrong_by, to_buyer(B1))


def test_a_buyer_who_gets_what_was_arranged_although_money_is_missing_is_noticed(payments: Payments) -> None:
    sell(payments, S1, 60_000)
    commit(payments, COLLECTOR, 47_999, to_buyer(B1))
    with pytest.raises(Violation, match=r"not \[47999\]"):
        commit(payments, COLLECTOR, 79_999, to_buyer(B1))


@pytest.mark.parametrize("wrong_by", [1, -1])
def test_a_wrong_token_from_a_seller_is_noticed(payments: Payments, wrong_by: int) -> None:
    note = f"Trading session: 7\nBuyer: {COLLECTOR:x}\nSeller: {S1:x}\n"
    commit(payments, S1, 60_000, note)
    with pytest.raises(Violation, match=r"not \[60000\]"):
        commit(payments, S1, 60_000 + wrong_by, note)


def test_a_collector_that_pays_more_than_it_got_is_noticed(payments: Payments) -> None:
    sell(payments, S1, 60_000)
    payments.see([transfer(COLLECTOR, -50_000, to_buyer(B1))])
    with pytest.raises(Violation, match="paid more than it received"):
        payments.see([transfer(COLLECTOR, -10_001, to_buyer(B2))])


def test_a_collector_that_does_not_wait_for_a_seller_is_noticed(payments: Payments) -> None:
    sell(payments, S1, 60_000)
    commit(payments, COLLECTOR, 47_999, to_buyer(B1))
    with pytest.raises(Violation, match="did not wait"):
        sell(payments, S2, 40_000)


def test_two_commits_for_one_payment_are_noticed(payments: Payments) -> None:
    sell(payments, S1, 60_000)
    commit(payments, COLLECTOR, 47_999, to_buyer(B1))
    commit(payments, COLLECTOR, 47_999, to_buyer(B1))
    with pytest.raises(Violation, match="commits transfer 2 beside 1"):
        commit(payments, COLLECTOR, 47_999, to_buyer(B1), transfer_id=2)

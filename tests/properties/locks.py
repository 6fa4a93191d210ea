"""Engaged accounts of customers: offers, transfers' answers, verdicts, payments."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from tests.properties.harness import History, Message, Step, rows
from tests.properties.worlds import (
    COLLECTORS,
    CUSTOMERS,
    DEADLINE,
    DEBTORS,
    TURNS,
    any_of,
    in_batches,
    maybe_rows,
    moment,
    one_of_each,
    turn_rows,
    variants,
)

# The last one is a collector that trades itself: it is paid by nobody when it is the chosen collector.
ACCOUNTS = (
    (CUSTOMERS[0], DEBTORS[0]),
    (CUSTOMERS[0], DEBTORS[1]),
    (CUSTOMERS[1], DEBTORS[0]),
    (COLLECTORS[0], DEBTORS[0]),
)
# One active collector a currency: which of several is chosen is random.
COLLECTOR_OF = dict(zip(DEBTORS, COLLECTORS, strict=True))
LATER_DEADLINE = (DEADLINE + timedelta(days=1)).isoformat()

_TRANSFER_IDS = (905, 906)
_STATES: tuple[dict[str, Any], ...] = (
    {"transfer_id": None},
    {"transfer_id": 905},
    {"transfer_id": 905, "has_been_revised": True},
    {"transfer_id": 905, "has_been_revised": True, "finalized_at": moment(days=1)},
    {
        "transfer_id": 905,
        "has_been_revised": True,
        "finalized_at": moment(days=1),
        "released_at": moment(days=1),
        "account_creation_date": "2025-06-01",
        "account_last_transfer_number": 3,
    },
)


def request_of_lock(creditor_id: int, debtor_id: int, number: int) -> int:
    """The request ID that a lock of the account takes: 0 for one that was there at the start, then 1, 2, …"""
    return ((creditor_id & 255) * 1000 + debtor_id) * 100 + number


def payment_note(kind: str, turn_id: int, first: int, second: int) -> str:
    labels = {"collecting": ("Buyer", "Seller"), "sending": ("From", "To"), "dispatching": ("Seller", "Buyer")}[kind]
    return f"Trading session: {turn_id}\n{labels[0]}: {first:x}\n{labels[1]}: {second:x}\n"


def _pools() -> dict[str, list[Message]]:
    pools: dict[str, list[Message]] = {}

    def add(name: str, messages: list[Message]) -> None:
        pools.setdefault(name, []).extend(messages)

    for creditor, debtor in ACCOUNTS:
        account = {"creditor_id": (creditor,), "debtor_id": (debtor,)}
        requests = [request_of_lock(creditor, debtor, number) for number in range(3)]
        request = {**account, "coordinator_id": (creditor,), "coordinator_request_id": requests}
        notes = [
            payment_note(kind, turn, *pair)
            for turn in TURNS
            for collector in COLLECTORS
            for kind, pair in (("collecting", (collector, creditor)), ("dispatching", (collector, creditor)))
        ]
        add(
            "offer",
            variants(
                "CandidateOffer",
                **account,
                turn_id=TURNS,
                amount=(-5000, 5000, -900),
                last_transfer_number=(3, 9),
            ),
        )
        add(
            "prepared",
            variants(
                "PreparedTransfer",
                **request,
                transfer_id=_TRANSFER_IDS,
                locked_amount=(0, 3000, 5292),
                demurrage_rate=(0.0, -50.0),
                deadline=(LATER_DEADLINE,),
            ),
        )
        add("prepared badly", variants("PreparedTransfer", **request, transfer_id=(905,), deadline=(moment(),)))
        add("prepared badly", variants("PreparedTransfer", **{**request, "debtor_id": (888,)}, transfer_id=(905,)))
        add("rejected", variants("RejectedTransfer", **request))
        add(
            "finalized",
            variants(
                "FinalizedTransfer",
                **request,
                transfer_id=_TRANSFER_IDS,
                committed_amount=(0, 5000),
                status_code=("OK",),
            ),
        )
        add("finalized", variants("FinalizedTransfer", **request, status_code=("TIMEOUT",)))
        add("revise", variants("ReviseAccountLock", **account, turn_id=TURNS))
        add(
            "payment",
            variants(
                "AccountTransfer",
                **account,
                acquired_amount=(-5000, 4999, 5000),
                transfer_number=(4, 8),
                transfer_note=notes,
            ),
        )
    return pools


MESSAGES = _pools()


def _turns() -> st.SearchStrategy[list[Step]]:
    first = st.sampled_from([(2, 5), (2, 10), (3, 5)]).map(lambda state: turn_rows(1, *state))
    second = st.sampled_from([(1, 0), (2, 5)]).map(lambda state: turn_rows(2, *state))
    return st.tuples(first, second).map(lambda drawn: drawn[0] + drawn[1])


def _lock(creditor: int, debtor: int) -> st.SearchStrategy[dict[str, Any]]:
    row = {
        "creditor_id": creditor,
        "debtor_id": debtor,
        "initiated_at": moment(days=2),
        "coordinator_request_id": request_of_lock(creditor, debtor, 0),
        "collection_deadline": DEADLINE.isoformat(),
    }
    chosen = any_of(
        row, turn_id=TURNS, collector_id=COLLECTORS, amount=(-5000, -4000, 5000, 0), state=range(len(_STATES))
    )
    return chosen.map(_in_state)


def _in_state(row: dict[str, Any]) -> dict[str, Any]:
    state = _STATES[row.pop("state")]
    if row["collector_id"] == row["creditor_id"]:
        state = {**_STATES[max(1, _STATES.index(state))], "transfer_id": 0}
    return {**row, **state}


def _participation(creditor: int, debtor: int) -> st.SearchStrategy[dict[str, Any]]:
    return any_of(
        {"creditor_id": creditor, "debtor_id": debtor},
        turn_id=TURNS,
        amount=(-5000, -4000, -6000, 5000, 6000),
        collector_id=(*COLLECTORS, creditor),
    )


def lock_world() -> st.SearchStrategy[list[Step]]:
    """Two turns, one of them maybe beyond its offers; locks in any state, and verdicts that may not fit them."""
    collectors = [
        {"debtor_id": debtor, "collector_id": collector, "account_id": f"account-{collector}"}
        for debtor, collector in COLLECTOR_OF.items()
    ]
    return st.tuples(
        _turns(),
        maybe_rows("account_lock", [_lock(*account) for account in ACCOUNTS]),
        maybe_rows("creditor_participation", [_participation(*account) for account in ACCOUNTS]),
    ).map(lambda drawn: [rows("active_collector", *collectors), *drawn[0], *drawn[1], *drawn[2]])


def lock_histories() -> st.SearchStrategy[History]:
    """Everything that happens to account locks."""
    past_deadline = Step("clock", {"now": (DEADLINE + timedelta(hours=1)).isoformat()})
    return in_batches(lock_world(), one_of_each(MESSAGES), [past_deadline])

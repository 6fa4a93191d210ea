"""Payments of collectors: who gets them, tries, answers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from tests.properties.harness import History, Message, Step, clock, rows
from tests.properties.reports import interest_rows
from tests.properties.worlds import (
    COLLECTORS,
    CUSTOMERS,
    DEADLINE,
    DEBTORS,
    NOW,
    STARTED,
    account_row,
    any_of,
    in_batches,
    maybe_rows,
    moment,
    one_of_each,
    turn_rows,
    variants,
)

Key = tuple[int, int, bool]  # collector, recipient, is it a dispatching?

KEYS: tuple[Key, ...] = (
    (COLLECTORS[0], CUSTOMERS[0], True),
    (COLLECTORS[0], CUSTOMERS[1], True),
    (COLLECTORS[0], COLLECTORS[1], False),
    (COLLECTORS[1], CUSTOMERS[0], True),
)
DEBTOR = DEBTORS[0]
TURN = 1
_TRANSFER_IDS = (905, 906)
_TRIED: dict[str, Any] = {
    "recipient": "a",
    "recipient_version": 1,
    "attempted_at": moment(hours=1),
    "final_interest_rate_ts": moment(days=100),
    "amount": 500,
}
_STATES: tuple[dict[str, Any], ...] = (
    {},
    {"rescheduled_for": moment(hours=-1)},
    {"recipient": "a", "recipient_version": 1},
    _TRIED,
    {**_TRIED, "transfer_id": 905, "finalized_at": moment(minutes=1)},
    {**_TRIED, "failure_code": 0, "rescheduled_for": moment(minutes=1)},
    {**_TRIED, "failure_code": 2, "rescheduled_for": moment(minutes=1)},
    {**_TRIED, "failure_code": 3, "rescheduled_for": moment(hours=-1), "backoff_counter": 3},
    {**_TRIED, "failure_code": 0, "fatal_error": "TRANSFER_NOTE_IS_TOO_LONG"},
)
_CODES = (
    "TIMEOUT",
    "NEWER_INTEREST_RATE",
    "RECIPIENT_IS_UNREACHABLE",
    "INSUFFICIENT_AVAILABLE_AMOUNT",
    "TOO_MANY_TRANSFERS",
    "RECIPIENT_SAME_AS_SENDER",
)
LATER = [clock((NOW + timedelta(hours=hours)).isoformat()) for hours in (2, 30)]


def request_of_attempt(key: Key, number: int, turn_id: int = TURN) -> int:
    """The request ID of a try: 0 for one that was there at the start, then 1, 2, …"""
    collector, recipient, is_dispatching = key
    numbered = (((collector & 255) * 256 + (recipient & 255)) * 10 + turn_id) * 1000 + DEBTOR
    return 10_000_000_000 + (numbered * 2 + is_dispatching) * 100 + number


def _pools() -> dict[str, list[Message]]:
    pools: dict[str, list[Message]] = {}

    def add(name: str, messages: list[Message]) -> None:
        pools.setdefault(name, []).extend(messages)

    for key in KEYS:
        collector, recipient, is_dispatching = key
        attempt = {
            "collector_id": (collector,),
            "turn_id": (TURN,),
            "debtor_id": (DEBTOR,),
            "creditor_id": (recipient,),
            "is_dispatching": (is_dispatching,),
        }
        request = {
            "creditor_id": (collector,),
            "debtor_id": (DEBTOR,),
            "coordinator_id": (collector,),
            "coordinator_request_id": [request_of_attempt(key, number) for number in range(3)],
        }
        add("trigger", variants("TriggerTransfer", **attempt))
        add("request", variants("AccountIdRequest", **attempt))
        add("response", variants("AccountIdResponse", **attempt, account_id=("", "a", "b"), account_id_version=(1, 2)))
        add("prepared", variants("PreparedTransfer", **request, transfer_id=_TRANSFER_IDS))
        add("rejected", variants("RejectedTransfer", **request, status_code=_CODES))
        add(
            "finalized",
            variants(
                "FinalizedTransfer",
                **request,
                transfer_id=_TRANSFER_IDS,
                committed_amount=(500, 499, 999),
                status_code=("OK",),
            ),
        )
        add("finalized", variants("FinalizedTransfer", **request, transfer_id=(905,), status_code=_CODES))
    add(
        "interest",
        variants(
            "AccountUpdate",
            creditor_id=COLLECTORS,
            debtor_id=(DEBTOR,),
            last_change_ts=(moment(days=1), moment()),
            interest_rate=(-10.0, 2.0),
            last_interest_rate_change_ts=(moment(days=1), moment(hours=3)),
            ts=(moment(),),
        ),
    )
    add(
        "ledger",
        variants(
            "UpdatedLedger", creditor_id=CUSTOMERS[:1], debtor_id=(DEBTOR,), update_id=(1, 2), account_id=("", "a")
        ),
    )
    return pools


MESSAGES = _pools()


def _attempt(key: Key) -> st.SearchStrategy[dict[str, Any]]:
    collector, recipient, is_dispatching = key
    row = {
        "collector_id": collector,
        "turn_id": TURN,
        "debtor_id": DEBTOR,
        "creditor_id": recipient,
        "is_dispatching": is_dispatching,
        "collection_started_at": STARTED.isoformat(),
        "inserted_at": STARTED.isoformat(),
    }

    def in_state(chosen: dict[str, Any]) -> dict[str, Any]:
        state = _STATES[chosen.pop("state")]
        tried = {"coordinator_request_id": request_of_attempt(key, 0)} if "amount" in state else {}
        return {**chosen, **state, **tried}

    return any_of(row, nominal_amount=(1000.0, 1.0), state=range(len(_STATES))).map(in_state)


def owed_rows() -> list[Step]:
    """The payments behind the attempts."""
    purge = {"purge_after": DEADLINE.isoformat(), "turn_id": TURN, "debtor_id": DEBTOR, "amount": 1000}
    dispatching = [
        {"collector_id": collector, "creditor_id": recipient, **purge}
        for collector, recipient, is_dispatching in KEYS
        if is_dispatching
    ]
    sending = [
        {"from_collector_id": collector, "to_collector_id": recipient, **purge}
        for collector, recipient, is_dispatching in KEYS
        if not is_dispatching
    ]
    return [rows("worker_dispatching", *dispatching), rows("worker_sending", *sending)]


def attempt_world() -> st.SearchStrategy[list[Step]]:
    """Attempts in any state; the collectors' accounts may be unknown, their interest rates may have changed."""
    needed = [
        rows(
            "needed_worker_account",
            *({"creditor_id": c, "debtor_id": DEBTOR, "configured_at": moment(days=99)} for c in COLLECTORS),
        )
    ]
    accounts = [any_of(account_row(c, DEBTOR, 0.0), interest_rate=(0.0, -5.0)) for c in COLLECTORS]
    fixed = [*turn_rows(TURN, 3, 5), *needed, *owed_rows(), *map(interest_rows, COLLECTORS)]
    return st.tuples(
        maybe_rows("worker_account", accounts), maybe_rows("transfer_attempt", [_attempt(key) for key in KEYS])
    ).map(lambda drawn: [*fixed, *drawn[0], *drawn[1]])


def attempt_histories() -> st.SearchStrategy[History]:
    """Everything that happens to transfer attempts."""
    return in_batches(attempt_world(), one_of_each(MESSAGES), [*LATER, Step("trigger")])

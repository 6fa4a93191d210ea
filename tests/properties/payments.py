"""Money that reaches and leaves collectors: collecting, sending, receiving, dispatching, also too early."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.properties.harness import History, Message, Step, rows
from tests.properties.locks import payment_note
from tests.properties.worlds import (
    COLLECTORS,
    CUSTOMERS,
    DEADLINE,
    DEBTORS,
    STARTED,
    any_of,
    in_batches,
    one_of_each,
    turn_rows,
    variants,
)

TURN = 1
DEBTOR = DEBTORS[0]
MINE, OTHER = COLLECTORS
SELLERS = CUSTOMERS
BUYERS = (0x10100000021, 0x10100000022)
COLLECTED, SENT, RECEIVED, DISPATCHED = 5000, 3000, 4000, 2000


def _transfers(kind: str, first: int, second: int, of: int, amounts: tuple[int, ...]) -> list[Message]:
    """AccountTransfer messages of a payment, as one of the two accounts sees it."""
    return variants(
        "AccountTransfer",
        creditor_id=(of,),
        debtor_id=(DEBTOR,),
        acquired_amount=amounts,
        transfer_note=(payment_note(kind, TURN, first, second),),
    )


def _notices(kind: str, payers: tuple[int, ...]) -> list[Message]:
    return variants(
        "TriggerTransfer",
        collector_id=(MINE,),
        turn_id=(TURN,),
        debtor_id=(DEBTOR,),
        creditor_id=payers,
        is_dispatching=(False,),
        unpaid=(kind,),
    )


_STATUS = {"collector_id": (MINE,), "turn_id": (TURN,), "debtor_id": (DEBTOR,)}

MESSAGES: dict[str, list[Message]] = {
    "collecting": [
        m
        for seller in SELLERS
        for m in _transfers("collecting", MINE, seller, MINE, (COLLECTED, COLLECTED - 1, COLLECTED + 1))
    ],
    "receiving": _transfers("sending", OTHER, MINE, MINE, (RECEIVED, RECEIVED - 1)),
    "sending": _transfers("sending", MINE, OTHER, MINE, (1 - SENT,)),
    "dispatching": [m for buyer in BUYERS for m in _transfers("dispatching", MINE, buyer, MINE, (1 - DISPATCHED,))],
    "unpaid": _notices("collecting", SELLERS) + _notices("sending", (OTHER,)),
    "start sending": variants("StartSending", **_STATUS),
    "start dispatching": variants("StartDispatching", **_STATUS),
}


def expected_rows(collected: tuple[bool, ...], received: int) -> list[Step]:
    """What the collector expects and owes, after 3/0."""
    key = {"turn_id": TURN, "debtor_id": DEBTOR, "purge_after": DEADLINE.isoformat()}
    return [
        rows(
            "worker_collecting",
            *(
                {"collector_id": MINE, "creditor_id": seller, "amount": COLLECTED, "collected": done, **key}
                for seller, done in zip(SELLERS, collected, strict=True)
            ),
        ),
        rows("worker_sending", {"from_collector_id": MINE, "to_collector_id": OTHER, "amount": SENT, **key}),
        rows(
            "worker_receiving",
            {
                "to_collector_id": MINE,
                "from_collector_id": OTHER,
                "expected_amount": RECEIVED,
                "received_amount": received,
                **key,
            },
        ),
        dispatching_rows(),
    ]


def dispatching_rows() -> Step:
    key = {"turn_id": TURN, "debtor_id": DEBTOR, "purge_after": DEADLINE.isoformat()}
    return rows(
        "worker_dispatching",
        *({"collector_id": MINE, "creditor_id": buyer, "amount": DISPATCHED, **key} for buyer in BUYERS),
    )


def staged_rows() -> list[Step]:
    """The same as the solver arranged it, before 3/0."""
    payments = [
        *(("collecting", seller, COLLECTED) for seller in SELLERS),
        ("sending", OTHER, SENT),
        ("receiving", OTHER, RECEIVED),
        *(("dispatching", buyer, DISPATCHED) for buyer in BUYERS),
    ]
    key = {"turn_id": TURN, "debtor_id": DEBTOR, "collector_id": MINE}
    return [
        rows(
            "staged_collector_payment",
            *({**key, "kind": kind, "other_id": other, "amount": amount} for kind, other, amount in payments),
        ),
        rows("staging_stamp", {"turn_id": TURN, "phase": 3, "row_count": len(payments)}),
    ]


def payment_status(**columns: Any) -> Step:
    """Where the collector is: at the beginning, if no `columns` are given."""
    return rows(
        "dispatching_status",
        {
            "collector_id": MINE,
            "turn_id": TURN,
            "debtor_id": DEBTOR,
            "inserted_at": STARTED.isoformat(),
            "amount_to_collect": len(SELLERS) * COLLECTED,
            "amount_to_send": SENT,
            "amount_to_receive": RECEIVED,
            "number_to_receive": 1,
            "amount_to_dispatch": len(BUYERS) * DISPATCHED,
            **columns,
        },
    )


_SENDING = {"started_sending": True, "total_collected_amount": len(SELLERS) * COLLECTED}
_DISPATCHING = {**_SENDING, "all_sent": True, "started_dispatching": True, "total_received_amount": RECEIVED}


def payment_world() -> st.SearchStrategy[list[Step]]:
    """One collector of one turn: before 3/0, while it collects, sends and receives, or dispatches."""
    early = st.sampled_from([[], turn_rows(TURN, 2, 10), [*turn_rows(TURN, 3, 0), *staged_rows()]])
    collecting = st.tuples(st.tuples(st.booleans(), st.booleans()), st.sampled_from((0, RECEIVED)), st.booleans()).map(
        lambda drawn: [payment_status(awaiting_signal_flag=drawn[2]), *expected_rows(drawn[0], drawn[1])]
    )
    sending = any_of({}, received=(0, RECEIVED), all_sent=(False, True), flag=(False, True)).map(
        lambda drawn: [
            payment_status(**_SENDING, all_sent=drawn["all_sent"], awaiting_signal_flag=drawn["flag"]),
            *expected_rows((True, True), drawn["received"])[2 if drawn["all_sent"] else 1 :],
        ]
    )
    dispatching = st.just([payment_status(**_DISPATCHING), dispatching_rows()])
    late = st.one_of(collecting, sending, dispatching).map(lambda steps: [*turn_rows(TURN, 3, 5), *steps])
    return st.one_of(early, late)


def payment_histories() -> st.SearchStrategy[History]:
    """Everything that happens to a collector's payments. Moves do nothing where they are not possible."""
    return in_batches(payment_world(), one_of_each(MESSAGES), [Step("advance")])


def settled_histories() -> st.SearchStrategy[History]:
    """Payments on both sides of step 3/0."""
    world = st.just([*turn_rows(TURN, 3, 0), *staged_rows()])
    return in_batches(world, one_of_each(MESSAGES), [Step("settle", {"turn_id": TURN}), Step("advance")])

"""Several messages in one batch give what they give one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import pytest

from tests.properties.concerns import BATCHES, share_of
from tests.properties.conftest import Explore
from tests.properties.harness import Body, Call, History, Shard, Step, again, deliver, differences
from tests.properties.locks import payment_note
from tests.properties.payments import (
    BUYERS,
    MESSAGES,
    OTHER,
    RECEIVED,
    TURN,
    dispatching_rows,
    expected_rows,
    payment_status,
)
from tests.properties.worlds import START, turn_rows


@pytest.mark.parametrize("concern", BATCHES)
def test_a_batch_does_what_its_messages_do_singly(shard: Shard, concern: str, explore: Explore) -> None:
    _, histories = BATCHES[concern]
    explore(share_of(concern, BATCHES), histories, lambda history: check_batches(shard, history))


def test_debits_that_no_try_has_caused_count_before_the_next_step(shard: Shard) -> None:
    debits = MESSAGES["sending"] + MESSAGES["dispatching"][:1]
    paid = expected_rows((True, True), RECEIVED)
    history = History([*START, *turn_rows(TURN, 3, 5), payment_status(), *paid, deliver(debits)])
    check_batches(shard, history)
    attempts = shard.play(history).outcome["transfer_attempt"]
    assert [(a["creditor_id"], a["is_dispatching"]) for a in attempts] == [(BUYERS[1], True)]


def test_a_payment_that_was_to_be_made_is_not_kept_beside_one_that_was_not(shard: Shard) -> None:
    history = History([*START, dispatching_rows(), deliver(MESSAGES["sending"] + MESSAGES["dispatching"][:1])])
    check_batches(shard, history)
    kept = shard.play(history).outcome["early_arrival"]
    assert [(e["kind"], e["other_id"]) for e in kept] == [("paid", OTHER)]


def subject(body: Body) -> tuple[object, ...]:
    """What a message is about. Messages about one thing are applied in the order of their arrival."""
    type_ = body["type"]
    account = (body.get("creditor_id"), body.get("debtor_id"))
    if type_ in ("RejectedTransfer", "PreparedTransfer", "FinalizedTransfer"):
        return ("transfer", body["coordinator_id"], body["coordinator_request_id"])
    if type_ in ("AccountUpdate", "AccountPurge", "RejectedConfig"):
        return ("account", *account)
    if type_ == "AccountTransfer":
        return (type_, *account, body["transfer_note"], body["acquired_amount"] < 0)
    if "unpaid" in body:
        # A notice is about the payment that will never come.
        parties = (body["collector_id"], body["creditor_id"])
        first, second = parties if body["unpaid"] == "collecting" else parties[::-1]
        note = payment_note(body["unpaid"], body["turn_id"], first, second)
        return ("AccountTransfer", body["collector_id"], body["debtor_id"], note, False)
    if type_ in ("DiscoverDebtor", "ConfirmDebtor"):
        return ("claim", body["debtor_id"])
    names = ("creditor_id", "debtor_id", "collector_id", "turn_id", "is_dispatching", "unpaid", "iri")
    return (type_, *(body.get(name) for name in (*names, "debtor_info_locator")))


def by_subject(messages: Iterable[Body]) -> dict[tuple[object, ...], list[Body]]:
    sorted_out: dict[tuple[object, ...], list[Body]] = {}
    for body in messages:
        sorted_out.setdefault(subject(body), []).append(body)
    return sorted_out


def check_batches(shard: Shard, history: History) -> None:
    """A batch is applied as if its messages came singly, in the order that the drain chose within the rules."""
    together = shard.play(history)
    for number, _ in enumerate(history):
        calls = [messages for n, _, messages in together.calls if n == number]
        arrived = by_subject(body for n, _, body in together.arrivals if n == number)
        applied = by_subject(body for messages in calls for body in messages)
        assert applied == arrived, "messages were lost, doubled or overtook others about the same thing"
        assert all(max(Counter(map(subject, messages)).values()) == 1 for messages in calls), "two about one thing"

    different = differences(together.outcome, shard.play(one_by_one(history, together.calls)).outcome)
    assert not different, f"in batches (the first) it leads elsewhere than one by one (the second):\n{different}"


def one_by_one(history: History, calls: list[Call]) -> Iterator[Step]:
    """The same messages singly. A collector waits with its steps for the last one that was applied with the others.

    Without that a debit that no try has caused would lead elsewhere: the step before it tries to pay once more.
    """
    for number, step in enumerate(history):
        if step.kind != "deliver":
            yield step
        for lane, messages in ((lane, messages) for n, lane, messages in calls if n == number):
            yield Step("hold", {"is_held": True})
            yield from (deliver([again(body, lane)]) for body in messages)
            yield Step("hold", {"is_held": False})

"""Several messages in one batch give what they give one by one."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import strategies as st

from tests.properties.attempts import attempt_histories
from tests.properties.conftest import Explore
from tests.properties.harness import Body, Call, History, Played, Shard, Step, again, deliver, differences
from tests.properties.locks import lock_histories
from tests.properties.mixed import mixed_histories
from tests.properties.payments import payment_histories, settled_histories
from tests.properties.reports import account_histories, debtor_histories, policy_histories

CONCERNS: dict[str, tuple[int, st.SearchStrategy[History]]] = {
    "policies": (1, policy_histories()),
    "accounts": (2, account_histories()),
    "debtors": (2, debtor_histories()),
    "locks": (4, lock_histories()),
    "attempts": (4, attempt_histories()),
    "payments": (3, payment_histories()),
    "payments and 3/0": (2, settled_histories()),
    "mixed": (4, mixed_histories()),
}
# Messages of one call may be applied in any order: a debit that no try has caused yet can count before or after.
MOST_ORDERS = 200
TOTAL = sum(share for share, _ in CONCERNS.values())


@pytest.mark.parametrize("concern", CONCERNS)
def test_batches_equal_singles(shard: Shard, concern: str, explore: Explore) -> None:
    share, histories = CONCERNS[concern]
    explore(share / TOTAL / 2, histories, lambda history: check_batches(shard, history))


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
    """A batch is applied as if its messages came singly, in an order that the drain chose within the rules."""
    together = shard.play(history)
    for number, _ in enumerate(history):
        calls = [messages for n, _, messages in together.calls if n == number]
        arrived = by_subject(body for n, _, body in together.arrivals if n == number)
        applied = by_subject(body for messages in calls for body in messages)
        assert applied == arrived, "messages were lost, doubled or overtook others about the same thing"
        assert all(max(Counter(map(subject, messages)).values()) == 1 for messages in calls), "two about one thing"

    first = ""
    for order in itertools.islice(orders(together), MOST_ORDERS):
        different = differences(together.outcome, shard.play(one_by_one(history, order)).outcome)
        if not different:
            return
        first = first or different
    raise AssertionError(f"in batches (the first) it leads elsewhere than one by one (the second):\n{first}")


def orders(played: Played) -> Iterator[list[Call]]:
    """All orders of the messages that were applied at once, beginning with the order of their arrival."""
    choices = [[(n, lane, order) for order in itertools.permutations(bodies)] for n, lane, bodies in played.calls]
    # The last call changes slowest: what differs is mostly the fault of one call, and a late one rarely.
    for chosen in itertools.product(*reversed(choices)):
        yield list(reversed(chosen))


def one_by_one(history: History, calls: list[Call]) -> Iterator[Step]:
    for number, step in enumerate(history):
        if step.kind != "deliver":
            yield step
        yield from (deliver([again(body, lane)]) for n, lane, bodies in calls if n == number for body in bodies)

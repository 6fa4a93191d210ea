"""Where order, repetition and batches of messages must not matter, they do not."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from tests.properties.chains import Twins
from tests.properties.concerns import ORDERS, share_of
from tests.properties.conftest import Explore
from tests.properties.harness import History, Outcome, Shard

# What a newer message makes superfluous is sent only if it was handled before the newer one came …
OVERTAKEN = {"q_out_activate_collector", "q_out_discover_debtor", "q_out_fetch_debtor_info"}
# … and the first news of an account asks for more than the later ones.
DEPENDENT = {"q_out_discover_debtor"}


@pytest.mark.parametrize("concern", ORDERS)
def test_disorder_and_repetition_change_nothing(shard: Shard, concern: str, explore: Explore) -> None:
    _, courses = ORDERS[concern]
    explore(share_of(concern, ORDERS), courses, lambda course: check_twins(shard, course))


def check_twins(shard: Shard, course: Twins) -> None:
    in_order = shard.play(course.in_order).outcome
    disorderly = shard.play(course.disorderly).outcome
    ended = _transfers_prepared_again_after_their_end(course.disorderly)
    names = sorted(in_order.keys() | disorderly.keys())
    different = "\n".join(line for name in names for line in _differences(name, in_order, disorderly, ended))
    assert not different, f"the order of messages matters:\n{different}"


def _differences(name: str, in_order: Outcome, disorderly: Outcome, ended: set[int]) -> list[str]:
    left, right = (Counter(json.dumps(row, sort_keys=True) for row in o.get(name, [])) for o in (in_order, disorderly))
    if name.startswith("q_") or name in ("prepare_transfer", "finalize_transfer"):
        # Effects: their receivers do not mind repetitions.
        left, right = Counter(left.keys()), Counter(right.keys())
    missing = [] if name in OVERTAKEN else list((left - right).elements())
    added = [] if name in DEPENDENT else list((right - left).elements())
    if name == "finalize_transfer":
        # The authority does not mind that a transfer is dismissed after its end. Before, that could undo a commit.
        rows = {row: json.loads(row) for row in added}
        added = [row for row in added if rows[row]["committed_amount"] or rows[row]["transfer_id"] not in ended]
    return [f"  {name} only in order: {row}" for row in missing] + [
        f"  {name} only in disorder: {row}" for row in added
    ]


def _transfers_prepared_again_after_their_end(history: History) -> set[int]:
    finalized: set[int] = set()
    prepared_again: set[int] = set()
    for step in history:
        bodies = [json.loads(m.body) for m in step.messages]
        finalized |= {body["transfer_id"] for body in bodies if body["type"] == "FinalizedTransfer"}
        prepared = {body["transfer_id"] for body in bodies if body["type"] == "PreparedTransfer"}
        prepared_again |= prepared & finalized
    return prepared_again

"""What happens in order and one by one, and the same out of order, repeated and in batches.

A history of this kind has phases: what belongs to a phase was caused by something before it. Within a phase there are
chains of messages, each caused by the one before; chains know nothing of each other.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from tests.properties.harness import History, Message, Step, deliver

# Messages that were caused at the same time, so they come in any order.
Stage = Sequence[Message]


@dataclass(frozen=True)
class Phase:
    """Chains of stages, and the steps of the shard after them.

    A stage was caused by what the stage before it changed, so it never comes earlier, nor in one batch with it.
    `single`: messages that come only once, because repeating them is right but another course of events.
    """

    chains: Sequence[Sequence[Stage]]
    afterwards: Sequence[Step] = ()
    single: Sequence[Message] = ()


# The rows of a shard, and what happens then.
Course = tuple[list[Step], list[Phase]]


@dataclass(frozen=True)
class Twins:
    """Two histories of one course of events."""

    in_order: History
    disorderly: History

    def __repr__(self) -> str:
        return f"\nin order:{self.in_order}\ndisorderly:{self.disorderly}"


@st.composite
def twins(draw: st.DrawFn, courses: st.SearchStrategy[Course], finish: bool = False) -> Twins:
    """Plays a course of events in order, and in disorder: chains mixed, messages repeated, split into batches."""
    world, phases = draw(courses)
    chance = draw(st.randoms(use_true_random=False))
    orderly: list[Step] = []
    disorderly: list[Step] = []
    known: list[Message] = []
    for phase in phases:
        orderly += [deliver([m]) for chain in phase.chains for stage in chain for m in stage]
        orderly += phase.afterwards
        disorderly += [deliver(batch) for batch in _disorder(chance, phase, known)]
        disorderly += phase.afterwards
    disorderly += [deliver([m]) for m in chance.sample(known, min(chance.randint(0, 3), len(known)))]
    end = [Step("finish", {"limit": 1000})] if finish else []
    return Twins(History([*world, *orderly, *end]), History([*world, *disorderly, *end]))


def _disorder(chance: random.Random, phase: Phase, known: list[Message]) -> list[list[Message]]:
    """The messages of a phase in batches, with repetitions of known ones; adds those of the phase to `known`."""
    left = [[chance.sample(stage, len(stage)) for stage in chain if stage] for chain in phase.chains]
    waiting = [n for n, chain in enumerate(left) if chain]
    batches: list[list[Message]] = [[]]
    begun: set[int] = set()  # chains that ended a stage in the current batch
    while waiting:
        n = chance.choice(waiting)
        if n in begun or chance.random() < 0.2:
            batches.append([])
            begun = set()
        if known and chance.random() < 0.3:
            batches[-1].append(chance.choice(known))
        message = left[n][0].pop()
        batches[-1].append(message)
        if message not in phase.single:
            known.append(message)
        if not left[n][0]:
            left[n].pop(0)
            begun.add(n)
        if not left[n]:
            waiting.remove(n)
    return [batch for batch in batches if batch]

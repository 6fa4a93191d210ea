"""The judge of the demo: it has to notice when something is wrong."""

from __future__ import annotations

from dataclasses import replace

from sandbox.authority import Totals
from sandbox.report.outcome import Outcome, judge
from sandbox.world.shard import Leftovers
from sandbox.world.world import Settlement
from tests.end_to_end.towns import BASE, COPPER, FIRST_TRADER, SILVER, circle

NOTHING_LEFT = Leftovers(0, 0, 0, 0, 0, 0, 0, 0, 0)
COLLECTOR = 0x10000000000
ANNA, BORIS, CLARA = (FIRST_TRADER + n for n in range(3))

# Anna gives 6000 base, Boris 3000 silver, Clara 12000 copper; the collectors keep one token of each payment.
BEFORE = {(ANNA, BASE): 100_000, (BORIS, SILVER): 50_000, (CLARA, COPPER): 200_000}
AFTER = {
    (ANNA, BASE): 94_000,
    (ANNA, COPPER): 11_999,
    (BORIS, SILVER): 47_000,
    (BORIS, BASE): 5_999,
    (CLARA, COPPER): 188_000,
    (CLARA, SILVER): 2_999,
    (COLLECTOR, BASE): 1,
    (COLLECTOR, SILVER): 1,
    (COLLECTOR, COPPER): 1,
}


def settlement(principals: dict[tuple[int, int], int], **changes: int) -> Settlement:
    totals = {
        debtor_id: replace(
            Totals(
                circulating=sum(tokens for (_, debtor), tokens in principals.items() if debtor == debtor_id),
                in_flight=0,
                accounts=1,
                locked=0,
            ),
            **changes,
        )
        for debtor_id in (BASE, SILVER, COPPER)
    }
    return Settlement(principals, totals)


def outcome(
    after: Settlement, *, before: Settlement | None = None, leftovers: Leftovers = NOTHING_LEFT, phase_4: bool = True
) -> Outcome:
    return judge(
        circle(),
        before or settlement(BEFORE),
        after,
        amount_cut=1e-5,
        collectors=range(COLLECTOR, COLLECTOR + 10),
        reached_phase_4=phase_4,
        leftovers=leftovers,
    )


def test_honest_turn_has_no_problems() -> None:
    found = outcome(settlement(AFTER))
    assert found.problems() == []
    assert found.is_conserved
    assert [flow.creditor_id for flow in found.flows] == [ANNA, BORIS, CLARA]
    assert [c.with_collectors for c in found.conservation] == [1, 1, 1]


def test_lost_tokens_are_noticed() -> None:
    after = AFTER | {(COLLECTOR, SILVER): 0}
    assert outcome(settlement(after)).problems() == [f"currency {SILVER}: money was lost or created"]


def test_money_on_its_way_is_noticed() -> None:
    assert not outcome(settlement(AFTER, in_flight=1)).is_conserved
    assert not outcome(settlement(AFTER, locked=1)).is_conserved


def test_losses_up_to_rounding_and_cut_are_fine() -> None:
    # Boris: 2 tokens of silver at 2.0 and 2 of base, and twice the cut of both.
    explained = 2.0 * (2 + 2e-5 * 3000) + 1.0 * (2 + 2e-5 * 5994)
    after = AFTER | {(BORIS, BASE): 6_000 - 6, (COLLECTOR, BASE): 6}
    found = outcome(settlement(after))
    (loss,) = [loss for loss in found.losses if loss.creditor_id == BORIS]
    assert loss.lost == 6.0
    assert abs(loss.explained - explained) < 1e-9
    assert found.problems() == []
    robbed = outcome(settlement(AFTER | {(BORIS, BASE): 6_000 - 7, (COLLECTOR, BASE): 7}))
    assert [loss.creditor_id for loss in robbed.unexplained_losses] == [BORIS]
    assert len(robbed.problems()) == 1


def test_what_is_left_behind_is_noticed() -> None:
    left = replace(NOTHING_LEFT, account_locks=2, set_aside=1)
    problems = outcome(settlement(AFTER), leftovers=left).problems()
    assert problems == ["account locks left: 2", "set aside left: 1"]


def test_unfinished_and_empty_turns_are_noticed() -> None:
    assert "the turn did not reach phase 4" in outcome(settlement(AFTER), phase_4=False).problems()
    assert outcome(settlement(BEFORE)).problems() == ["nothing was traded"]

"""What is read of a turn's archive: the turn, its currencies, and what became of a trader's offers."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from admin.web.currency_results import PegStep, currency_results, find_currencies
from admin.web.explanations import MEANINGS
from admin.web.trader_results import OfferResult, trader_result
from admin.web.turn_results import Reason, turn_result
from pipelines.solver.archived import NotArchived
from pipelines.solver.solve import solve_turn
from pipelines.solver.untraded import ODD_REASONS, USUAL_REASONS
from tests.pipelines.solver.markets import random_market
from tests.pipelines.solver.solver_turns import insert_turn
from tests.web.solved_turns import MARKET, insert_solved_turn

Connection = psycopg.Connection[tuple[Any, ...]]


def solved(solver: Connection) -> None:
    insert_solved_turn(solver, 5)


def whys(solver: Connection, creditor_id: int) -> dict[int, str | None]:
    """The sentences of a trader, by currency."""
    trader = trader_result(solver, 5, creditor_id)
    assert trader is not None
    return {offer.debtor_id: offer.why for offer in trader.offers}


def test_the_result_of_a_turn_has_its_reasons_with_what_they_are_worth(solver_db: Connection) -> None:
    solved(solver_db)
    result = turn_result(solver_db, 5)
    assert (result.traded_value, result.offers, result.traders_served) == (22000.0, 13, 3)
    assert result.parameters == MARKET.parameters
    assert (result.offered_sell_value, result.offered_buy_value) == (49900.0, 121500.0)
    assert result.reasons == [
        Reason("one-sided trader", 3, 12000.0, 10000.0),
        Reason("no circle", 2, 6000.0, 1500.0),
        Reason("below minimum", 1, 900.0, 0.0),
        Reason("no price", 1, 0.0, 0.0),
    ]
    assert result.started_at == solver_db.execute("select started_at from solver.turn").fetchone()[0]  # type: ignore[index]


def test_a_trader_is_told_why_with_the_numbers_that_made_it_so(solver_db: Connection) -> None:
    solved(solver_db)
    assert whys(solver_db, 4) == {
        1: "You offered 900; the smallest trade is 1,000.",
        2: "You wanted 5,000, but the only thing that you offered could not take part: who gets has to give, too.",
    }
    assert whys(solver_db, 5) == {
        1: "You offered 4,000, but you wanted nothing: who gives has to get something, too.",
    }
    assert whys(solver_db, 6) == {
        2: "You offered 3,000; 3 traders wanted 45,000, of which 5,500 were traded, and no circle led through your "
        "offer and the rest.",
        3: "You wanted 3,000, and nobody offered this currency.",
    }
    assert whys(solver_db, 7)[9] == "You wanted 7,000, but no document of this currency was known, so it had no price."


def test_a_trader_sees_what_was_traded_of_each_offer(solver_db: Connection) -> None:
    solved(solver_db)
    trader = trader_result(solver_db, 5, 1)
    assert trader is not None
    assert (trader.given_value, trader.taken_value) == (5000.0, 5000.0)
    assert trader.offers == [
        OfferResult(1, True, 5000, 5000, 997, 1.0, None, None),
        OfferResult(
            2,
            False,
            20000,
            2500,
            999,
            2.0,
            None,
            "You wanted 20,000, and 2,500 were traded: in exchange you gave all that you offered.",
        ),
    ]
    assert trader_result(solver_db, 5, 77) is None


def test_currencies_are_read_in_parts_with_their_pegs(solver_db: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.solver.archive.SORTED_ROWS", 2)
    solved(solver_db)
    everything = currency_results(solver_db, 5, None, 10)
    assert [currency.debtor_id for currency in everything] == [1, 2, 3, 9]
    assert [currency.price for currency in everything] == [1.0, 2.0, 0.5, None]
    assert everything[1].path == [PegStep(2, 2.0), PegStep(1, None)]
    assert (everything[1].offered_amount, everything[1].wanted_amount, everything[1].traded_amount) == (
        13000,
        45000,
        5500,
    )
    assert everything[3].path is None
    assert everything[3].debtor_info_locator is None
    for after in (None, -1, 0, 1, 2, 3, 8, 9):
        for limit in (1, 2, 3, 4):
            expected = [currency for currency in everything if after is None or currency.debtor_id > after][:limit]
            assert currency_results(solver_db, 5, after, limit) == expected
    assert find_currencies(solver_db, 5, [3, 2, 77]) == {2: everything[1], 3: everything[2]}


def test_traders_are_found_wherever_parts_are_cut(solver_db: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    market = random_market(3, traders=40, currencies=8, minimum=1000)
    monkeypatch.setattr("pipelines.solver.archive.SORTED_ROWS", 3)
    insert_turn(solver_db, market, 5)
    solve_turn(solver_db, 5)
    traded = untraded = 0
    for creditor_id in range(1000, 1040):
        trader = trader_result(solver_db, 5, creditor_id)
        count = sum((frame["creditor_id"] == creditor_id).sum() for frame in (market.sell_offers, market.buy_offers))
        assert len(trader.offers if trader else []) == count
        for offer in trader.offers if trader else []:
            assert (offer.reason is None) == (offer.traded > 0)
            assert (offer.why is None) == (offer.traded == offer.amount)
            traded += offer.traded > 0
            untraded += offer.reason is not None
    report = turn_result(solver_db, 5)
    assert (traded, untraded) == (report.takings + report.givings, sum(reason.offers for reason in report.reasons))


def test_every_reason_has_a_meaning() -> None:
    assert set(MEANINGS) == {*ODD_REASONS, *USUAL_REASONS}


def test_without_an_archive_it_is_said_why(solver_db: Connection) -> None:
    solved(solver_db)
    with pytest.raises(NotArchived, match="turn 6 has no archive; those of 1 turns are kept, from 5 to 5"):
        trader_result(solver_db, 6, 1)
    solver_db.execute("drop table solver.turn_archive")
    with pytest.raises(NotArchived, match="no table solver"):
        turn_result(solver_db, 5)

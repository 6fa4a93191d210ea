"""Step 2/0: prices, bids, candidates, and the currencies that need a collector."""

from __future__ import annotations

import math
from typing import Any

import psycopg
import pytest

from tests.covering import covers
from tests.sql.turns.rows import NOW, Connection, insert, insert_worker_turn, rows, stop_clock, value

Bid = tuple[int, int, int | None, float | None]
"""Currency, tokens to buy (> 0) or to sell (< 0), approved peg and its rate."""

LANES = 8


@pytest.fixture
def worker(worker_db: Connection) -> Connection:
    """A worker in step 2/0 of turn 1 that has loaded its currencies: base 1 (locator B), distance 2, minimum 1000."""
    stop_clock(worker_db, NOW)
    insert_worker_turn(worker_db, 2, 0)
    _stage_currency(worker_db, "B", 1, None, None, None, is_confirmed=False)
    _stage_currency(worker_db, "L2", 2, "B", 1, 2.0)
    _stage_currency(worker_db, "L3", 3, "L2", 2, 3.0)
    _stage_currency(worker_db, "L4", 4, "L3", 3, 4.0)
    _stage_currency(worker_db, "L5", 5, "B", 1, 0.0)
    _stage_currency(worker_db, "L6", 6, "L7", 7, 1.0)
    _stage_currency(worker_db, "L7", 7, "L6", 6, 1.0)
    _stage_currency(worker_db, "L8", 8, "L2", 22, 1.0)
    return worker_db


def _stage_currency(
    worker: Connection,
    locator: str,
    debtor_id: int,
    peg_locator: str | None,
    peg_debtor_id: int | None,
    rate: float | None,
    is_confirmed: bool = True,
    turn_id: int = 1,
) -> None:
    row = {
        "turn_id": turn_id,
        "debtor_info_locator": locator,
        "debtor_id": debtor_id,
        "peg_debtor_info_locator": peg_locator,
        "peg_debtor_id": peg_debtor_id,
        "peg_exchange_rate": rate,
        "is_confirmed": is_confirmed,
    }
    insert(worker, "worker.staged_currency", row)


def _prices(worker: Connection) -> dict[int, float]:
    return dict(rows(worker, "select debtor_id, price from worker.staged_price order by 1"))


def _insert_policies(worker: Connection, creditor_id: int, *bids: Bid) -> None:
    policies = [
        {
            "creditor_id": creditor_id,
            "debtor_id": debtor_id,
            "account_id": f"account-{creditor_id}-{debtor_id}",
            "creation_date": "2025-01-01",
            "last_transfer_number": debtor_id + 100,
            "principal": max(-amount, 0),
            "min_principal": max(amount, 0),
            "max_principal": max(amount, 0),
            "policy_name": "conservative",
            "peg_debtor_id": peg_debtor_id,
            "peg_exchange_rate": rate,
        }
        for debtor_id, amount, peg_debtor_id, rate in bids
    ]
    insert(worker, "worker.trading_policy", *policies)


def _offer(worker: Connection, turn_id: int = 1) -> list[tuple[int, int, int]]:
    """Runs the step in all lanes. Returns which accounts got a lock: creditor, currency, amount."""
    worker.execute(
        "insert into worker.active_collector select distinct debtor_id, 999, 'collector' from worker.trading_policy"
        " on conflict do nothing"
    )
    worker.execute("select worker.price_currencies(%s), worker.stamp_staging(%s, 2, 0)", (turn_id, turn_id))
    for lane in range(LANES):
        assert value(worker, "select worker.offer_candidates(%s, %s)", turn_id, lane)
    return rows(worker, "select creditor_id, debtor_id, amount from worker.account_lock order by 1, 2")


def _needed(worker: Connection) -> list[int]:
    return [row[0] for row in rows(worker, "select debtor_id from worker.turn_needed_currency order by 1")]


@covers("V4.1")
def test_prices_follow_pegs_up_to_a_distance(worker: Connection) -> None:
    assert value(worker, "select worker.price_currencies(1)") is None
    assert _prices(worker) == {2: 2.0, 3: 6.0}


def test_the_base_is_tradable_when_confirmed_and_its_own_peg_is_ignored(worker: Connection) -> None:
    worker.execute(
        "update worker.staged_currency set is_confirmed = true, peg_debtor_info_locator = 'L2', peg_debtor_id = 2,"
        " peg_exchange_rate = 7.0 where debtor_id = 1"
    )
    assert value(worker, "select worker.price_currencies(1)") is None
    assert _prices(worker) == {1: 1.0, 2: 2.0, 3: 6.0}


def test_a_peg_with_a_missing_part_is_none(worker: Connection) -> None:
    worker.execute("update worker.staged_currency set peg_exchange_rate = null where debtor_id = 2")
    assert value(worker, "select worker.price_currencies(1)") is None
    assert _prices(worker) == {}


def test_debtor_zero_is_ignored(worker: Connection) -> None:
    _stage_currency(worker, "L0", 0, "B", 1, 1.0)
    _stage_currency(worker, "L9", 9, "L0", 0, 1.0)
    assert value(worker, "select worker.price_currencies(1)") is None
    assert _prices(worker) == {2: 2.0, 3: 6.0}


@pytest.mark.parametrize("rate", [math.inf, math.nan, 5e-324, 1e-320, 0.0])
def test_unusable_prices_end_their_branch(worker: Connection, rate: float) -> None:
    worker.execute("update worker.staged_currency set peg_exchange_rate = %s where debtor_id = 2", (rate,))
    assert value(worker, "select worker.price_currencies(1)") is None
    assert _prices(worker) == {}


@pytest.mark.parametrize(
    ("price", "rate", "expected"),
    [
        (2.0, 3.0, 6.0),
        (1e300, 1e300, None),
        (1e-300, 1e-300, None),
        (1e300, 1e-300, 1.0),
        (1e-300, 1e300, 1.0),
        (1.0, 1.7e308, 1.7e308),
        (1e200, 1e108, 1e308),
        (1e200, 1.8e108, None),
        (1.0, 2.2250738585072014e-308, 2.2250738585072014e-308),
        (1.0, 2.225073858507201e-308, None),
        (2.0, 2.225073858507201e-308, 4.450147717014402e-308),
        (1e308, 5e-324, 4.94065645841246544e-16),
        (0.0, 1.0, None),
        (1.0, 0.0, None),
        (-1.0, -1.0, None),
        (math.inf, 1.0, None),
        (math.nan, 1.0, None),
        (None, 1.0, None),
    ],
)
def test_only_positive_normal_prices_are_usable(
    worker_db: Connection, price: float | None, rate: float, expected: float | None
) -> None:
    result = value(worker_db, "select worker.usable_price(%s::float8, %s::float8)", price, rate)
    assert result == (None if expected is None else pytest.approx(expected, rel=1e-15))


@covers("G4")
def test_there_are_no_prices_if_the_base_locator_belongs_to_another_debtor(worker: Connection) -> None:
    worker.execute("update worker.staged_currency set debtor_id = 11 where debtor_info_locator = 'B'")
    assert "another debtor" in value(worker, "select worker.price_currencies(1)")
    assert _prices(worker) == {}


@covers("G4")
def test_there_are_no_prices_if_the_base_debtor_is_confirmed_elsewhere(worker: Connection) -> None:
    _stage_currency(worker, "B2", 1, "B", 1, 1.0)
    assert "another locator" in value(worker, "select worker.price_currencies(1)")
    assert _prices(worker) == {}


def test_no_base_makes_an_empty_turn(worker: Connection) -> None:
    worker.execute("delete from worker.staged_currency where debtor_id = 1")
    _insert_policies(worker, 1, (2, -5000, 1, 2.0), (3, 4000, 2, 3.0))
    assert _offer(worker) == []


@covers("G34")
def test_a_peg_chain_may_be_as_long_as_allowed(worker: Connection) -> None:
    worker.execute("update worker.worker_turn set max_distance_to_base = 32767")
    worker.execute(
        "insert into worker.staged_currency"
        " select 1, 'C' || n, 1000 + n, case n when 1 then 'B' else 'C' || n - 1 end,"
        " case n when 1 then 1 else 999 + n end, 1.0, true from generate_series(1, 5000) as n"
    )
    assert value(worker, "select worker.price_currencies(1)") is None
    assert len(_prices(worker)) == 5000 + 3


TWO_BIDS: tuple[Bid, ...] = ((2, -5000, 1, 2.0), (3, 4000, 2, 3.0))


@pytest.mark.parametrize(
    ("bids", "candidates", "needed"),
    [
        pytest.param(TWO_BIDS, [(2, -5000), (3, 4000)], [], id="two-bids", marks=covers("V4.2")),
        pytest.param(((2, -5000, 1, 2.0),), [], [], id="only-a-sale", marks=covers("V4.3")),
        pytest.param(
            ((2, -5000, 1, 2.00001), (3, 4000, 2, 3.0)),
            [(2, -5000), (3, 4000)],
            [],
            id="almost-the-same-price",
            marks=covers("V4.4"),
        ),
        pytest.param(((2, -5000, 1, 2.00003), (3, 4000, 2, 3.0)), [], [], id="another-price", marks=covers("V4.5")),
        pytest.param(
            ((2, -5000, 3, 1 / 3), (3, 4000, 1, 6.0)),
            [(2, -5000), (3, 4000)],
            [],
            id="another-tree",
            marks=covers("V4.6"),
        ),
        pytest.param(((2, -999, 1, 2.0), (3, 4000, 2, 3.0)), [], [], id="sale-below-the-minimum", marks=covers("V4.7")),
        pytest.param(((4, -5000, 3, 4.0), (3, 4000, 1, 6.0)), [], [4], id="no-collector", marks=covers("V4.8")),
        pytest.param(((4, -5000, 3, 4.0), (3, 4000, 2, 3.0)), [], [], id="without-a-bid-for-2", marks=covers("V4.8")),
        pytest.param(
            ((50, -5000, 1, 1.0), (51, -999, 1, 1.0), (52, -5000, 99, 1.0), (5, -5000, 1, 0.0)),
            [],
            [50],
            id="one-of-four-sales",
            marks=covers("V4.9"),
        ),
        pytest.param((*TWO_BIDS, (1, 0, 3, 9.0)), [(2, -5000), (3, 4000)], [], id="the-base-bid-has-price-1"),
        pytest.param(((2, -5000, None, None), (3, 4000, 1, 6.0)), [], [], id="no-peg"),
        pytest.param(((2, -5000, 3, 1 / 3), (3, 4000, 2, 3.0)), [], [], id="cycle"),
        pytest.param(((2, -5000, 0, 2.0), (0, 0, 1, 1.0), (3, 4000, 1, 6.0)), [], [], id="debtor-0-is-no-currency"),
        pytest.param(((2, -1000, 1, 2.0), (3, 1000, 2, 3.0)), [(2, -1000), (3, 1000)], [], id="exactly-the-minimum"),
        pytest.param(((2, -5000, 1, 1e300), (4, -5000, 2, 1e300), (3, 4000, 1, 6.0)), [], [], id="overflow"),
        pytest.param(((50, -1000, 1, 1.0), (52, 5000, 1, 1.0)), [], [50], id="only-sales-need-a-collector"),
    ],
)
def test_bids_that_can_trade_become_offers(
    worker: Connection, bids: tuple[Bid, ...], candidates: list[tuple[int, int]], needed: list[int]
) -> None:
    _insert_policies(worker, 1, *bids)
    assert [(debtor_id, amount) for _, debtor_id, amount in _offer(worker)] == candidates
    assert _needed(worker) == needed


def test_pegs_never_cross_traders_and_bids_of_one_trader_are_one_tree(worker: Connection) -> None:
    _insert_policies(worker, 1, *TWO_BIDS)
    _insert_policies(worker, 2, (3, 4000, 2, 3.0))
    _insert_policies(worker, 3, (2, -5000, 1, 2.0))
    _insert_policies(worker, 4, *TWO_BIDS)
    assert [creditor_id for creditor_id, *_ in _offer(worker)] == [1, 1, 4, 4]


def test_a_chain_of_2000_pegs_of_one_trader(worker: Connection) -> None:
    pegs: list[Bid] = [(10_000 + n, 0, 10_000 + n + 1, 1.0) for n in range(1, 2000)]
    _insert_policies(worker, 1, *pegs, (12_000, 0, 1, 2.0), (2, -5000, 10_001, 1.0), (3, 4000, 2, 3.0))
    assert _offer(worker) == [(1, 2, -5000), (1, 3, 4000)]


def test_a_cycle_of_2000_pegs_of_one_trader(worker: Connection) -> None:
    pegs: list[Bid] = [(10_000 + n, -5000, 10_000 + (n + 1) % 2000, 1.0) for n in range(2000)]
    _insert_policies(worker, 1, *pegs, *TWO_BIDS)
    assert _offer(worker) == [(1, 2, -5000), (1, 3, 4000)]
    assert _needed(worker) == []


def test_candidates_carry_the_account_state(worker: Connection) -> None:
    # A released lock stays in force until the ledger that fed the bid contains the releasing transfer.
    _insert_policies(worker, 1, *TWO_BIDS)
    for debtor_id, number in ((2, 102), (3, 104)):
        lock = {
            "creditor_id": 1,
            "debtor_id": debtor_id,
            "turn_id": 0,
            "collector_id": 999,
            "initiated_at": "2026-02-01T00:00:00Z",
            "amount": 77,
            "collection_deadline": "2026-03-01T00:00:00Z",
            "transfer_id": 1,
            "finalized_at": "2026-02-02T00:00:00Z",
            "released_at": "2026-02-02T00:00:00Z",
            "account_creation_date": "2025-01-01",
            "account_last_transfer_number": number,
        }
        insert(worker, "worker.account_lock", lock)
    assert _offer(worker) == [(1, 2, -5000), (1, 3, 77)]


@covers("V4.10")
@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (1.0, 1.000001, True),
        (1.0, 1.000011, False),
        (0.0, 0.0, False),
        (math.inf, math.inf, False),
        (-1.0, -1.000001, True),
        (1.0, -1.0, False),
        (math.nan, math.nan, False),
        (1e300, 1e-300, False),
        (1e-300, 1e300, False),
        (1e308, 1e308, True),
    ],
)
def test_prices_that_differ_by_ten_millionths_are_the_same(
    worker_db: Connection, first: float, second: float, expected: bool
) -> None:
    assert value(worker_db, "select worker.is_same_price(%s::float8, %s::float8)", first, second) is expected


MIN64, MAX64 = -(2**63), 2**63 - 1


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        pytest.param(
            {"min_principal": 200000, "max_principal": 300000, "principal": 0},
            200000,
            id="purchase",
            marks=covers("V4.11"),
        ),
        pytest.param(
            {"min_principal": 0, "max_principal": 50000, "principal": 150000}, -100000, id="sale", marks=covers("V4.12")
        ),
        pytest.param(
            {"min_principal": MIN64, "max_principal": -MAX64, "principal": MAX64},
            -MAX64,
            id="the-biggest-sale",
            marks=covers("V4.13"),
        ),
        pytest.param({"min_principal": MAX64, "principal": MIN64}, MAX64, id="the-biggest-purchase"),
        pytest.param({"min_principal": 10, "max_principal": 20, "principal": 10}, 0, id="within-the-range"),
        pytest.param({"min_principal": 10, "max_principal": 20, "principal": 20}, 0, id="within-the-range-too"),
        pytest.param({"principal": 0}, 0, id="no-wish"),
    ],
)
def test_a_policy_buys_up_to_its_minimum_and_sells_down_to_its_maximum(
    worker_db: Connection, policy: dict[str, Any], expected: int
) -> None:
    row = {"creditor_id": 1, "debtor_id": 2, "account_id": "account", "policy_name": "conservative", **policy}
    insert(worker_db, "worker.trading_policy", row)
    assert value(worker_db, "select worker.bid_amount(t) from worker.trading_policy as t") == expected


@covers("V4.14")
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"config_flags": 1}, 0),
        ({"config_flags": 2}, -100000),
        ({"account_id_is_obsolete": True}, 0),
        ({"policy_name": None}, 0),
        ({"account_id": ""}, 0),
    ],
)
def test_policies_that_are_not_in_force_make_no_bid(
    worker_db: Connection, changes: dict[str, Any], expected: int
) -> None:
    policy = {"min_principal": 0, "max_principal": 50000, "principal": 150000}
    test_a_policy_buys_up_to_its_minimum_and_sells_down_to_its_maximum(worker_db, {**policy, **changes}, expected)


def _sent_needed(worker: Connection) -> list[int]:
    return sorted(
        row[0]
        for lane in range(LANES)
        for row in rows(
            worker,
            f"select (message ->> 'debtor_id')::bigint from pgmq.q_inbox_{lane}"
            " where message ->> 'type' = 'NeededCollector'",
        )
    )


@covers("V4.15")
def test_only_currencies_without_a_living_collector_ask_for_one(worker: Connection) -> None:
    for debtor_id in (50, 60, 70):
        _insert_policies(worker, debtor_id, (debtor_id, -5000, 1, 1.0))
    # Of 50 there is no collector account, of 60 one in status 0, of 70 one in status 3.
    insert(worker, "worker.staged_alive_collector", {"turn_id": 1, "debtor_id": 60})
    _offer(worker)
    assert value(worker, "select worker.end_bidding(1)")
    assert _sent_needed(worker) == [50, 70]
    assert rows(worker, "select worker_turn_subphase from worker.worker_turn") == [(5,)]
    for table in ("staging_stamp", "staged_currency", "staged_price", "staged_alive_collector", "turn_needed_currency"):
        assert value(worker, f"select count(*) from worker.{table}") == 0


def test_what_is_known_for_another_turn_does_not_count(worker: Connection) -> None:
    worker.execute("delete from worker.worker_turn")
    other_turn = {"base_debtor_info_locator": "L9", "base_debtor_id": 9, "min_trade_amount": 9999}
    insert_worker_turn(worker, 2, 0, turn_id=2, **other_turn)
    insert_worker_turn(worker, 2, 0)
    _stage_currency(worker, "B", 77, None, None, None, turn_id=2)
    _stage_currency(worker, "L1", 1, None, None, None, turn_id=2)
    _stage_currency(worker, "L9", 9, "B", 1, 5.0, turn_id=2)
    prices = [{"turn_id": 2, "debtor_id": debtor_id, "price": 5.0} for debtor_id in (1, 9)]
    insert(worker, "worker.staged_price", *prices)
    insert(worker, "worker.staged_alive_collector", {"turn_id": 2, "debtor_id": 9})
    insert(worker, "worker.turn_needed_currency", {"turn_id": 2, "debtor_id": 8})
    _insert_policies(worker, 5, (9, -5000, 1, 5.0), (2, 5000, 1, 2.0))
    assert _offer(worker) == []
    query = "select turn_id, debtor_id from worker.turn_needed_currency order by 1"
    assert rows(worker, query) == [(1, 9), (2, 8)]
    assert rows(worker, "select debtor_id, price from worker.staged_price where turn_id = 1 order by 1") == [
        (2, 2.0),
        (3, 6.0),
    ]
    assert value(worker, "select worker.end_bidding(1)") is True
    assert rows(worker, query) == [(2, 8)]
    assert _sent_needed(worker) == [9]
    assert value(worker, "select count(*) from worker.staged_price where turn_id = 2") == 2


@covers("G38")
def test_at_most_a_thousand_collectors_are_asked_for(worker: Connection) -> None:
    worker.execute("insert into worker.turn_needed_currency select 1, n from generate_series(1, 1500) as n")
    _offer(worker)
    assert value(worker, "select worker.end_bidding(1)")
    sent = _sent_needed(worker)
    assert len(set(sent)) == len(sent) == 1000


def test_the_step_ends_after_the_last_lane(worker: Connection) -> None:
    worker.execute("select worker.stamp_staging(1, 2, 0)")
    for lane in range(LANES - 1):
        assert value(worker, "select worker.offer_candidates(1, %s)", lane)
    assert not value(worker, "select worker.end_bidding(1)")
    assert rows(worker, "select * from worker.open_lanes(1, 2)") == [(LANES - 1,)]
    assert rows(worker, "select worker_turn_subphase from worker.worker_turn") == [(0,)]
    assert value(worker, "select worker.offer_candidates(1, %s)", LANES - 1)
    assert value(worker, "select worker.end_bidding(1)")
    assert rows(worker, "select worker_turn_subphase from worker.worker_turn") == [(5,)]
    assert value(worker, "select worker.end_bidding(1)")


def test_a_lane_that_is_done_is_not_done_again(worker: Connection) -> None:
    _insert_policies(worker, 1, *TWO_BIDS)
    first = _offer(worker)
    assert len(first) == 2
    worker.execute("delete from worker.account_lock")
    for lane in range(LANES):
        assert value(worker, "select worker.offer_candidates(1, %s)", lane)
    assert value(worker, "select count(*) from worker.account_lock") == 0


@pytest.mark.parametrize(
    "change",
    [
        "update worker.worker_turn set worker_turn_subphase = 5",
        "update worker.worker_turn set phase_deadline = worker.now()",
        "update worker.worker_turn set phase = 3, phase_deadline = null, collection_started_at = worker.now()",
        "delete from worker.worker_turn",
    ],
)
def test_a_lane_does_nothing_when_the_turn_moved_on(worker: Connection, change: str) -> None:
    _insert_policies(worker, 1, *TWO_BIDS)
    worker.execute(change.encode())
    assert _offer(worker) == []


def test_a_lane_without_its_solver_rows_fails(worker: Connection) -> None:
    with pytest.raises(psycopg.Error) as raised:
        value(worker, "select worker.offer_candidates(1, 0)")
    assert raised.value.sqlstate == "ST020"


def test_policies_of_other_shards_are_skipped(worker: Connection) -> None:
    # Realm `1.#`: 1 and 2 belong to it, 3 does not.
    worker.execute("update worker.configuration set realm_mask = 1 << 31, realm = 1 << 31")
    for creditor_id in (1, 2, 3):
        _insert_policies(worker, creditor_id, *TWO_BIDS)
    assert {creditor_id for creditor_id, *_ in _offer(worker)} == {1, 2}


@covers("V13.11")
def test_a_turn_beyond_16_bits_bids_like_any_other(worker: Connection) -> None:
    insert_worker_turn(worker, 2, 0, turn_id=40000)
    worker.execute("update worker.staged_currency set turn_id = 40000")
    _insert_policies(worker, 1, *TWO_BIDS)
    assert _offer(worker, 40000) == [(1, 2, -5000), (1, 3, 4000)]
    assert rows(worker, "select distinct turn_id from worker.account_lock") == [(40000,)]

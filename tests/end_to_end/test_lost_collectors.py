"""Databases that know nothing of their collectors, restored from a backup or new: no token is given away."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from sandbox.demo import pace_of
from sandbox.economy.setup import set_up
from sandbox.servers.documents import DocumentServer
from sandbox.world.exchange import InProcessExchange
from sandbox.world.shard import Shard
from sandbox.world.world import Settlement, World
from tests.covering import covers
from tests.databases import connection_to, hostile_server
from tests.end_to_end.runs import LIMIT, brisk, check, database, run_to_end, run_to_offers, want_the_same_again
from tests.end_to_end.towns import BASE, COPPER, SILVER, circle

pytestmark = pytest.mark.slow

LEFT_AT_COLLECTORS = {BASE: 12000, SILVER: 6000, COPPER: 3000}


@pytest.fixture(scope="module")
def town() -> Iterator[World]:
    """After a turn; much money is on the collectors' accounts."""
    economy = circle()
    with (
        hostile_server() as server,
        DocumentServer() as documents,
        World(server, InProcessExchange(), 2, brisk(pace_of(economy, documents)), documents) as world,
    ):
        set_up(economy, world.authority, world.agent, world.documents, lambda: world.settle(LIMIT))
        run_to_end(world, run_to_offers(world))
        for debtor_id, amount in LEFT_AT_COLLECTORS.items():
            world.authority.issue(debtor_id, collector_of(world, debtor_id), amount)
        world.settle(LIMIT)
        yield world


def solver(world: World) -> psycopg.Connection[tuple[object, ...]]:
    return connection_to(world.server.database_url("solver"))


def catalogue(world: World) -> list[tuple[object, ...]]:
    query = "select debtor_id, collector_id, status, account_id from solver.collector_account order by 1, 2"
    with solver(world) as connection:
        return connection.execute(query).fetchall()


def collector_of(world: World, debtor_id: int) -> int:
    (collector_id,) = [row[1] for row in catalogue(world) if row[0] == debtor_id]
    assert isinstance(collector_id, int)
    return collector_id


def say_everything_again(world: World) -> None:
    """The authority's heartbeats, which are worked before anything else happens."""
    for account in list(world.authority.books.accounts.values()):
        if not account.is_root and not account.deleted:
            world.authority.books.tell_update(account)
    for _ in range(50):
        world.parts()["AuthorityPeer"]()
        for shard in world.shards:
            shard.parts()["inbound"]()
            shard.parts()["drain"]()


def collectors_money(settlement: Settlement, world: World) -> dict[int, int]:
    currencies = (BASE, SILVER, COPPER)
    return {debtor_id: settlement.principals[collector_of(world, debtor_id), debtor_id] for debtor_id in currencies}


def trade_again(world: World) -> None:
    """The next turn trades, with everything."""
    economy = circle()
    want_the_same_again(world, economy)
    before = world.settlement()
    run_to_end(world, run_to_offers(world))
    check(world, economy, before)


def forget_collectors(world: World, shard: Shard) -> int:
    """The database comes from a backup that was made before it had collectors."""
    with database(world, shard.place) as worker:
        lost = worker.execute("select count(*) from worker.needed_worker_account").fetchone()
        worker.execute(
            "truncate worker.needed_worker_account, worker.worker_account, worker.transfer_run,"
            " worker.interest_rate_change"
        )
    assert lost is not None
    return lost[0]


@covers("G43")
def test_a_worker_database_finds_its_collectors_again(town: World) -> None:
    before, known = town.settlement(), catalogue(town)
    lost = sum(forget_collectors(town, shard) for shard in town.shards)
    assert lost == 3
    say_everything_again(town)
    town.settle(LIMIT)
    assert catalogue(town) == known
    after = town.settlement()
    assert after.principals == before.principals
    assert {debtor_id: t.returned for debtor_id, t in after.totals.items()} == dict.fromkeys(after.totals, 0)
    assert min(collectors_money(after, town)[d] - amount for d, amount in LEFT_AT_COLLECTORS.items()) >= 0
    trade_again(town)


@covers("G43")
def test_a_solver_database_finds_its_collectors_again(town: World) -> None:
    known = catalogue(town)
    with solver(town) as connection:
        connection.execute("delete from solver.collector_account")
    town.settle(LIMIT)
    assert catalogue(town) == known
    trade_again(town)


@covers("G43")
def test_both_databases_find_their_collectors_again(town: World) -> None:
    """Nobody knows the accounts any more: they wait for an operator. Databases that new might have to be restored."""
    before, known = town.settlement(), catalogue(town)
    with solver(town) as connection:
        connection.execute("delete from solver.collector_account")
    for shard in town.shards:
        forget_collectors(town, shard)
    say_everything_again(town)
    town.settle(LIMIT)
    assert catalogue(town) == []
    assert town.settlement().principals == before.principals
    held = []
    for shard in town.shards:
        with database(town, shard.place) as worker:
            rows = worker.execute("select debtor_id, collector_id, status from worker.held_accounts()").fetchall()
            for debtor_id, collector_id, _ in rows:
                worker.execute("select worker.adopt_held_account(%s, %s)", (debtor_id, collector_id))
            held += rows
    assert sorted(held) == [(debtor_id, collector_id, "listed") for debtor_id, collector_id, *_ in known]
    town.settle(LIMIT)
    assert catalogue(town) == known
    trade_again(town)


@covers("G44")
def test_an_account_that_somebody_scheduled_for_deletion_is_configured_anew(town: World) -> None:
    """As a service of before did, which took its own collectors for strangers."""
    before = town.settlement()
    account = town.authority.account(BASE, collector_of(town, BASE))
    assert account is not None
    account.config_flags, account.negligible_amount = 1, 5.0
    town.authority.books.change(account, account.last_change_ts)
    town.authority.books.tell_update(account)
    town.settle(LIMIT)
    assert (account.config_flags, account.negligible_amount) == (0, pytest.approx(1e30))
    assert town.settlement().principals == before.principals
    trade_again(town)

"""A collector with money on its account is removed between two turns: nothing is lost, and trade goes on without it."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from admin.cli import main
from sandbox.demo import pace_of
from sandbox.economy.setup import set_up
from sandbox.servers.documents import DocumentServer
from sandbox.world.exchange import InProcessExchange
from sandbox.world.world import World
from tests.conftest import Connection
from tests.covering import covers
from tests.databases import connection_to, hostile_server
from tests.end_to_end.runs import LIMIT, brisk, check, run_to_end, run_to_offers, want_the_same_again
from tests.end_to_end.towns import BASE, circle
from tests.settings.environments import ENVIRONMENTS

pytestmark = pytest.mark.slow

SURPLUS = 123_456

SLACK = ("turn_max_commit_period", "collecting_slack", "sending_slack", "dispatching_slack", "extreme_message_delay")


def solver(world: World) -> Connection:
    return connection_to(world.server.database_url("solver"))


def operate(world: World, *arguments: str | int) -> str:
    """Runs `swpt-trade collectors …` and returns what it says."""
    environment = {**ENVIRONMENTS["solver"], "SOLVER_POSTGRES_URL": world.server.database_url("solver")}
    result = CliRunner().invoke(main, ["collectors", *map(str, arguments)], env=environment)
    assert result.exit_code == 0, result.output
    return result.output


def base_collectors(world: World) -> dict[int, int]:
    """Collector IDs of the base currency and their status."""
    with solver(world) as connection:
        query = "select collector_id, status from solver.collector_account where debtor_id = %s order by collector_id"
        return {row[0]: row[1] for row in connection.execute(query, (BASE,))}


def known_principal(world: World, collector_id: int) -> int:
    """What the collector's shard believes to be on its account."""
    total = 0
    for shard in world.shards:
        with connection_to(world.server.database_url(shard.place.database), autocommit=False) as connection:
            query = "select coalesce(sum(principal), 0)::bigint from worker.worker_account where creditor_id = %s"
            row = connection.execute(f"{query} and debtor_id = %s".encode(), (collector_id, BASE)).fetchone()
        assert row is not None
        total += row[0]
    return total


def wait_no_longer_than(world: World, seconds: int) -> dict[str, tuple[object, ...]]:
    """Makes the slack periods of all shards that short; returns the values before, by database."""
    before = {}
    for shard in world.shards:
        with connection_to(world.server.database_url(shard.place.database), autocommit=False) as connection:
            row = connection.execute(f"select {', '.join(SLACK)} from worker.configuration".encode()).fetchone()
            assert row is not None
            before[shard.place.database] = row
            settings = ", ".join(f"{name} = '{seconds} seconds'" for name in SLACK)
            connection.execute(f"update worker.configuration set {settings}".encode())
    return before


def restore(world: World, values: dict[str, tuple[object, ...]]) -> None:
    for database, row in values.items():
        with connection_to(world.server.database_url(database), autocommit=False) as connection:
            settings = ", ".join(f"{name} = %s" for name in SLACK)
            connection.execute(f"update worker.configuration set {settings}".encode(), row)


@covers("G20")
def test_a_collector_is_removed_and_trade_goes_on() -> None:
    economy = circle()
    with (
        hostile_server() as server,
        DocumentServer() as documents,
        World(server, InProcessExchange(), 2, brisk(pace_of(economy, documents)), documents) as world,
    ):
        set_up(economy, world.authority, world.agent, world.documents, lambda: world.settle(LIMIT))
        run_to_end(world, run_to_offers(world))
        (old,) = base_collectors(world)

        assert operate(world, "add", BASE, "--count", 2).startswith("1 collectors created")
        world.step_until(lambda: set(base_collectors(world).values()) == {2}, "opening the account", LIMIT)
        (heir,) = base_collectors(world).keys() - {old}
        world.authority.issue(BASE, old, SURPLUS)

        # In the middle of a turn: what is arranged with it goes on.
        want_the_same_again(world, economy)
        before = world.settlement()
        turn_id = run_to_offers(world)
        assert operate(world, "remove", BASE, old) == "the collector is disabled now\n"
        run_to_end(world, turn_id)
        check(world, economy, before)

        # When nothing can be under way any more, the money goes to the other one, to the last token.
        before = world.settlement()
        assert before.principals[old, BASE] >= SURPLUS
        known = before.principals[old, BASE]
        world.step_until(lambda: known_principal(world, old) == known, "hearing of the surplus", LIMIT)
        periods = wait_no_longer_than(world, 0)
        world.step_until(lambda: world.authority.account(BASE, old) is None, "discarding the account", LIMIT)
        world.settle(LIMIT)
        after = world.settlement()
        assert after.principals[old, BASE] == 0
        assert after.principals[heir, BASE] == before.principals[heir, BASE] + known
        assert after.totals[BASE].circulating == before.totals[BASE].circulating
        assert base_collectors(world) == {old: 3, heir: 2}
        assert "discarding" in operate(world, "list", BASE)
        world.authority.purge(BASE, old)
        world.step_until(lambda: base_collectors(world) == {heir: 2}, "forgetting the collector", LIMIT)
        restore(world, periods)

        want_the_same_again(world, economy)
        before = world.settlement()
        run_to_end(world, run_to_offers(world))
        check(world, economy, before)
        assert base_collectors(world) == {heir: 2}

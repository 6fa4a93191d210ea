"""The earlier service stops in the middle of paying; ours takes over, pays what is left, and trades on."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from click.testing import CliRunner
from psycopg import sql as names

from admin.cli import main
from sandbox.demo import pace_of
from sandbox.economy.setup import set_up
from sandbox.servers.documents import DocumentServer
from sandbox.servers.postgres import PrivateServer
from sandbox.world.exchange import InProcessExchange
from sandbox.world.world import World
from service import binding
from tests.admin.takeover.old_databases import create_tables
from tests.admin.takeover.schemas import REVISIONS, solver_tables, worker_tables
from tests.conftest import Connection
from tests.covering import covers
from tests.databases import EMPTY, connection_to
from tests.end_to_end.runs import LIMIT, brisk, check, run_to_end, run_to_offers, want_the_same_again
from tests.end_to_end.towns import circle

pytestmark = pytest.mark.slow

COPIED = """
select c.relname::text, array_agg(a.attname::text)
from pg_class as c
inner join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relnamespace = %s::regnamespace and c.relkind = 'r'
group by c.relname
"""


@pytest.fixture
def town() -> Iterator[World]:
    """One shard, before its first turn."""
    economy = circle()
    with (
        PrivateServer() as server,
        DocumentServer() as documents,
        World(server, InProcessExchange(), 1, brisk(pace_of(economy, documents)), documents) as world,
    ):
        set_up(economy, world.authority, world.agent, world.documents, lambda: world.settle(LIMIT))
        yield world


def run_into_payments(world: World, turn_id: int) -> None:
    """Until the turn is over for the solver, and some payments are not made."""

    def is_over() -> bool:
        world.advance_turns()
        return world.turn() == (turn_id, 4)

    world.step_until(is_over, "ending the turn", LIMIT)


def empty_inbox(world: World) -> None:
    """What came from the broker is applied. What comes next waits there, as it does while nobody works."""
    parts = world.shards[0].parts()
    while parts["drain"]() + parts["outbound"]():
        pass


def copy(ours: Connection, kind: str, old: Connection, release: str) -> None:
    """Makes the tables of an old database have the rows of ours, in the columns that both have."""
    tables = dict(ours.execute(COPIED, (kind,)).fetchall())
    for table, columns in old.execute(COPIED, (f"old_{kind}",)).fetchall():
        shared = [name for name in columns if name in tables.get(table, ())]
        if not shared:
            continue
        read: list[names.Composable] = [names.Identifier(name) for name in shared]
        listed: names.Composable = names.SQL(", ").join(read)
        source, target = names.Identifier(kind, table), names.Identifier(f"old_{kind}", table)
        if table == "transfer_attempt" and release == "1.0":
            listed = names.SQL("{}, transfer_kind").format(listed)
            read.append(names.SQL("is_dispatching::integer"))
        out = names.SQL("copy (select {} from {}) to stdout").format(names.SQL(", ").join(read), source)
        into = names.SQL("copy {} ({}) from stdin").format(target, listed)
        with old.cursor().copy(into) as rows_in, ours.cursor().copy(out) as rows_out:
            for piece in rows_out:
                rows_in.write(piece)


def end_sessions(world: World) -> None:
    """Nobody works any more."""
    query = "select pg_terminate_backend(pid) from pg_stat_activity where datname = any(%s)"
    databases = ["solver", world.shards[0].place.database, "earlier_solver", "earlier_worker"]
    deadline = time.monotonic() + 10.0
    with world.server.admin() as admin:
        while admin.execute(query, (databases,)).fetchall():
            assert time.monotonic() < deadline
            time.sleep(0.01)


def become_old(world: World, release: str) -> dict[str, str]:
    """Moves what our databases know into those of the earlier service, and makes ours new.

    Returns the environment of an import.
    """
    server = world.server
    place = world.shards[0].place
    environment = {}
    ours = {"solver": "solver", "worker": place.database}
    for kind, tables in (("solver", solver_tables(release)), ("worker", worker_tables(release))):
        with server.admin() as admin:
            admin.execute(f"create database earlier_{kind}".encode())
        url = server.database_url(f"earlier_{kind}")
        create_tables(server, url, kind, tables, release)
        with connection_to(server.database_url(ours[kind])) as source, connection_to(url) as old:
            copy(source, kind, old, release)
            if kind == "worker":
                row = source.execute("select last_value from worker.coordinator_request_id_seq").fetchone()
                old.execute("select setval('old_worker.coordinator_request_id_seq', %s)", row)
            source.execute(EMPTY.encode())
        environment[f"OLD_{kind.upper()}_POSTGRES_URL"] = server.database_url(f"earlier_{kind}", user=f"old_{kind}")
        environment[f"{kind.upper()}_POSTGRES_URL"] = server.database_url(ours[kind], user=f"{ours[kind]}_owner")
    with (
        connection_to(environment["SOLVER_POSTGRES_URL"]) as solver,
        connection_to(environment["WORKER_POSTGRES_URL"]) as worker,
    ):
        binding.bind(worker, binding.make_installation(solver), place.binding_key)
    return environment | {"PROTOCOL_BROKER_QUEUE_ROUTING_KEY": place.binding_key}


@covers("N7.1")
@pytest.mark.parametrize("release", REVISIONS)
def test_every_payment_is_made_and_the_next_turn_trades(town: World, release: str) -> None:
    economy = circle()
    before = town.settlement()
    turn_id = run_to_offers(town)
    run_into_payments(town, turn_id)
    empty_inbox(town)
    left = town.leftovers()
    assert left.account_locks
    assert left.dispatching_statuses
    place = town.shards[0].place
    town.shards[0].close()
    environment = become_old(town, release)
    end_sessions(town)

    runner = CliRunner()
    refused = runner.invoke(main, ["import_databases"], env=environment)
    assert refused.exit_code == 1
    assert "something is still under way" in refused.output
    done = runner.invoke(main, ["import_databases", "--allow-in-flight"], env=environment)
    assert done.exit_code == 0, done.output

    town.reconnect_solver()
    town.shards[0] = town.open_shard(place)
    run_to_end(town, turn_id)
    check(town, economy, before)

    want_the_same_again(town, economy)
    before = town.settlement()
    next_id = run_to_offers(town)
    assert next_id > turn_id
    run_to_end(town, next_id)
    check(town, economy, before)
    # No account was given up on the way.
    assert {total.returned for total in town.settlement().totals.values()} == {0}
    assert {account.config_flags & 1 for account in town.authority.books.accounts.values()} == {0}

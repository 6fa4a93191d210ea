"""A shard is split while money is on its way: the turn ends, no token is lost, and nothing stays in the wrong half."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from pipelines.turns.exchange import load_results
from sandbox.demo import pace_of
from sandbox.economy.generator import make_economy
from sandbox.economy.setup import set_up
from sandbox.servers.documents import DocumentServer
from sandbox.world.exchange import InProcessExchange
from sandbox.world.shard import Shard
from sandbox.world.splitting import complete_split, split_shard
from sandbox.world.world import World
from tests.conftest import Connection
from tests.databases import connection_to, hostile_server
from tests.end_to_end.runs import LIMIT, check, database, run_to_end, run_to_offers, want_the_same_again

pytestmark = pytest.mark.slow


Moment = Callable[[World, Shard], None]


def count(connection: Connection, query: str) -> int:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0])


def waiting(connection: Connection, queues: str) -> int:
    """Messages in the queues whose names begin so."""
    return count(
        connection,
        f"select coalesce(sum(queue_length), 0)::bigint from pgmq.metrics_all() where queue_name like '{queues}%'",
    )


def unsent(connection: Connection) -> int:
    """Messages in the outbox that are for authorities."""
    return count(
        connection,
        "select (select count(*) from outbox.prepare_transfer) + (select count(*) from outbox.finalize_transfer)",
    )


# Moments of phase 3 at which the parent ends


def in_the_middle_of_the_verdicts(world: World, parent: Shard) -> None:
    """Half of the lanes have run step 3/0; the rows for the others are loaded for the whole parent."""
    with (
        database(world, parent.place) as worker,
        connection_to(world.server.database_url("solver")) as solver,
    ):
        turns = solver.execute("select jsonb_agg(to_jsonb(t))::text from solver.unfinished_turns() as t").fetchone()
        worker.execute("select worker.upsert_turns(%s)", turns)
        turn = world.turn()
        assert turn is not None
        with worker.transaction():
            assert worker.execute("select worker.begin_step(%s, 3, 0)", turn[:1]).fetchone() == ("run",)
            load_results(worker, solver, turn[0])
        for lane in range(4):
            worker.execute("select worker.settle_lane(%s, %s)", (turn[0], lane))
        assert count(worker, "select count(*) from outbox.finalize_transfer") > 0
        assert count(worker, "select count(*) from worker.staged_participation") > 0


def after_the_verdicts(world: World, parent: Shard) -> None:
    """Step 3/0 is complete, the payments are ordered, and nobody has been told."""
    turn = world.turn()
    assert turn is not None
    with database(world, parent.place) as worker:
        parent.parts()["loops"]()
        state = "select worker_turn_subphase from worker.worker_turn where phase = 3 and turn_id = %s"
        assert worker.execute(state, turn[:1]).fetchone() == (5,)
        assert count(worker, "select count(*) from outbox.finalize_transfer") > 0
        assert count(worker, "select count(*) from worker.dispatching_status") > 0


def with_payments_under_way(world: World, parent: Shard) -> None:
    """Some money has come in and some goes out; unread messages wait in the lanes, unsent ones in the outbox."""
    parts = world.parts()
    with database(world, parent.place) as worker:

        def has_unread_and_unsent() -> bool:
            if count(worker, "select count(*) from worker.transfer_attempt where attempted_at is not null") == 0:
                return False
            for peer in ("AuthorityPeer", "CreditorsPeer"):
                parts[peer]()
            parent.parts()["inbound"]()
            for lane in range(8):
                if not unsent(worker):
                    worker.execute("select worker.drain_inbox(%s, 1000, 0)", (lane,))
            return unsent(worker) > 0 and waiting(worker, "inbox_") > 0

        world.step_until(has_unread_and_unsent, "catching messages in both queues", LIMIT)
        assert count(worker, "select count(*) from worker.dispatching_status") > 0


# The run


def shards_in_registry(world: World) -> list[str]:
    """The keys that the solver knows, if nothing is wrong with them: the parent's is not among them any more."""
    with connection_to(world.server.database_url("solver")) as solver:
        assert solver.execute("select problem, detail from solver.shard_problems()").fetchall() == []
        return [key for (key,) in solver.execute("select binding_key from solver.list_shards()")]


@pytest.mark.parametrize(
    ("shards", "empty_lanes", "moment", "children"),
    [
        (1, True, in_the_middle_of_the_verdicts, ("0.#", "1.#")),
        (1, True, after_the_verdicts, ("0.#", "1.#")),
        (1, False, with_payments_under_way, ("0.#", "1.#")),
        (2, False, with_payments_under_way, ("0.0.#", "0.1.#")),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_shard_is_split_in_phase_3(shards: int, empty_lanes: bool, moment: Moment, children: tuple[str, str]) -> None:
    """The databases change their key by themselves, and the registry of shards follows."""
    economy = make_economy(5, traders=80, currencies=12)
    with hostile_server() as server, DocumentServer() as documents:
        pace = pace_of(economy, documents)
        # Nobody has got his money, and so nobody's lock is gone, before the parent ends, however slow this machine is.
        authority = replace(pace.authority, credit_delay=timedelta(seconds=3))
        pace = replace(pace, turn=replace(pace.turn, phase2_duration=timedelta(seconds=4)), authority=authority)
        with World(server, InProcessExchange(), shards, pace, documents) as world:
            set_up(economy, world.authority, world.agent, world.documents, lambda: world.settle(LIMIT))
            turn_id = run_to_offers(world)
            before = world.settlement()
            parent = world.shards[0]
            moment(world, parent)

            with database(world, parent.place) as worker:
                assert count(worker, "select count(*) from worker.account_lock") > 0
            halves = split_shard(world, 0, empty_lanes=empty_lanes)
            assert tuple(half.place.binding_key for half in halves) == children
            assert len(world.shards) == shards + 1
            left_over = {table for half in halves for table in half.foreign_rows()}
            assert {"worker.account_lock", "worker.trading_policy", "outbox.finalize_transfer"} <= left_over
            # The halves differ in which of the copied messages they may apply.
            assert empty_lanes != any(table.startswith("pgmq.q_inbox") for table in left_over)

            run_to_end(world, turn_id)
            check(world, economy, before)
            assert shards_in_registry(world) == [shard.place.binding_key for shard in world.shards]
            complete_split(world, parent.place)
            assert [shard.foreign_rows() for shard in world.shards] == [{}] * (shards + 1)

            want_the_same_again(world, economy)
            before = world.settlement()
            run_to_end(world, run_to_offers(world))
            check(world, economy, before)

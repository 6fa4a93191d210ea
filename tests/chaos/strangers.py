"""What goes wrong by wrong settings, lost rows, wrong clocks and hostile neighbours, while the service trades."""

from __future__ import annotations

import json
import random
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime

import pika

from bridge.rabbitmq.setup import connect
from bridge.wire.sharding import binary_routing_key
from bridge.wire.topology import CREDITORS_IN
from sandbox.authority import DebtorInfo, RootConfig
from sandbox.authority.gateway import Gateway
from sandbox.protocol.coin_info import COIN_INFO_TYPE, CoinInfo, render_coin_info
from sandbox.servers.documents import Trouble
from tests.chaos.installation import BINDING_KEYS, DATABASES, Installation
from tests.chaos.surroundings import Surroundings

FORGER = 0x1FFFFFFFF
"""An issuer in whose currency nobody trades."""

_ATTEMPT = """
select a.collector_id, a.turn_id, a.debtor_id, a.creditor_id, a.is_dispatching
from worker.transfer_attempt as a
where a.recipient = ''
limit 1
"""
_THIEF = "select p.account_id from worker.trading_policy as p where p.debtor_id = %s and p.account_id <> '' limit 1"


def misroute_message(dice: random.Random, installation: Installation, _: Surroundings) -> None:
    """An accounting authority answers in the name of a shard: the payment to a buyer shall go to somebody else."""
    with installation.database_server.admin(dice.choice([*BINDING_KEYS])) as worker:
        attempt = worker.execute(_ATTEMPT).fetchone() or (Gateway().min_collector_id, 1, 1, 1, True)
        thief = worker.execute(_THIEF, (attempt[2],)).fetchone() or ("thief",)
    names = ("collector_id", "turn_id", "debtor_id", "creditor_id", "is_dispatching")
    body = {
        "type": "AccountIdResponse",
        **dict(zip(names, attempt, strict=True)),
        "account_id": thief[0],
        "account_id_version": 2**62,
        "ts": datetime.now(UTC).isoformat(),
    }
    properties = pika.BasicProperties(
        type="AccountIdResponse", content_type="application/json", delivery_mode=2, headers={"ca-trade": True}
    )
    with closing(connect(installation.broker_url)[0]) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        key = binary_routing_key(attempt[0])
        channel.basic_publish(CREDITORS_IN, key, json.dumps(body).encode(), properties, mandatory=True)
    installation.misrouted += 1


def start_wrongly(dice: random.Random, installation: Installation, _: Surroundings) -> None:
    """An operator starts a process with the key of another shard, or with another range of collector IDs."""
    name, other = dice.sample([*BINDING_KEYS], 2)
    low = Gateway().min_collector_id
    wrong, words = dice.choice(
        (
            ({"PROTOCOL_BROKER_QUEUE_ROUTING_KEY": BINDING_KEYS[other]}, "belongs to another shard"),
            ({"MIN_COLLECTOR_ID": str(low - 2), "MAX_COLLECTOR_ID": str(low - 1)}, "outside of the range"),
        )
    )
    command = dice.choice(("scan_all", "handle_pristine_collectors", "roll_worker_turns", "configure"))
    if command == "configure":
        wrong, words = {"PROTOCOL_BROKER_QUEUE_ROUTING_KEY": BINDING_KEYS[other]}, "belongs to another shard"
    done = installation.try_command(name, wrong | {"DELETE_PARENT_SHARD_RECORDS": "true"}, command)
    if done.returncode != 1 or words not in done.stdout:
        raise AssertionError(f"{command} with {wrong} on {name} ended with status {done.returncode}:\n{done.stdout}")


def forget_collectors(dice: random.Random, installation: Installation, _: Surroundings) -> None:
    """A worker's database does not know half of its collectors any more."""
    if installation.knows_all_collectors():
        with installation.database_server.admin(dice.choice([*BINDING_KEYS])) as worker, worker.transaction():
            for table in ("needed_worker_account", "worker_account", "interest_rate_change"):
                worker.execute(f"delete from worker.{table} where creditor_id % 2 = {dice.randrange(2)}".encode())


def forget_catalogue(dice: random.Random, installation: Installation, _: Surroundings) -> None:
    """The solver's database does not know half of the collectors any more."""
    if installation.knows_all_collectors():
        with installation.database_server.admin("solver") as solver:
            solver.execute(
                f"delete from solver.collector_account where collector_id % 2 = {dice.randrange(2)}".encode()
            )


def set_clock(dice: random.Random, installation: Installation, _: Surroundings) -> None:
    """The clock of one database is wrong for some seconds."""
    database = dice.choice(DATABASES)
    kind = database.partition("_")[0]
    clock = f"create or replace function {kind}.now() returns timestamptz language sql stable parallel safe as "
    wrong = dice.choice((-1, 1)) * dice.choice((3, 60, 3600))
    with installation.database_server.admin(database) as connection:
        connection.execute(f"{clock} $$ select transaction_timestamp() + interval '{wrong} s' $$".encode())
        time.sleep(dice.uniform(1, 3))
        connection.execute(f"{clock} $$ select transaction_timestamp() $$".encode())


def forge_document(_: random.Random, installation: Installation, surroundings: Surroundings) -> None:
    """An issuer claims the base currency's locator for its document, and tells its authority of a new address."""
    installation.forged += 1
    gateway = Gateway()
    with installation.database_server.admin("solver") as solver:
        limits = (gateway.min_collector_id, gateway.max_collector_id)
        solver.execute("select solver.ensure_collectors(%s, 1, %s, %s)", (FORGER, *limits))
    documents, base = installation.documents, installation.economy.base_debtor_id
    forgery = replace(CoinInfo(FORGER, "Forger", "X"), will_not_change_until="9999-12-31T23:59:59+00:00")
    documents.misbehave(FORGER, Trouble(body=render_coin_info(forgery, documents.locator(base))))
    iri = documents.revision_iri(FORGER, installation.forged)
    config = RootConfig(info=DebtorInfo(iri=iri, content_type=COIN_INFO_TYPE))
    surroundings.do(lambda: surroundings.authority.configure_currency(FORGER, config))


STRANGERS = {
    misroute_message: 3.0,
    start_wrongly: 1.0,
    forget_collectors: 2.0,
    forget_catalogue: 2.0,
    set_clock: 2.0,
    forge_document: 1.0,
}
"""How often each of these comes, in relation to the other faults."""

"""The peers at the in-process exchange: accounts are opened, money is issued and paid, the ledgers follow."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import msgspec
import pytest
from msgspec.structs import replace

from bridge.loopback import LoopbackBroker
from bridge.messages import codec
from bridge.wire.ports import Delivery, Publication, PublishError
from bridge.wire.sharding import binary_routing_key, hexadecimal_routing_key
from bridge.wire.topology import CREDITORS_OUT, worker_topology
from sandbox.authority import Authority, AuthoritySettings, DebtorInfo, RootConfig
from sandbox.authority.gateway import AuthorityPeer, Gateway
from sandbox.creditors.agent import AgentSettings, CreditorsAgent, CreditorsPeer, Policy
from sandbox.protocol import smp
from sandbox.protocol.topology import AUTHORITY_QUEUE, CREDITORS_QUEUE, sandbox_topology
from sandbox.world.transit import FaultyTarget, TransitRule
from tests.sandbox.box import BUYER, COLLECTOR, DEBTOR, SELLER, configure, finalize, prepare
from tests.sandbox.conftest import FakeClock

WORKER_QUEUE = "swpt_trade"


class Town:
    """Authority and agent at an exchange, with a queue in the place of the service."""

    def __init__(self, clock: FakeClock, rules: Sequence[TransitRule] = (), seed: int = 0) -> None:
        self.clock = clock
        self.broker = LoopbackBroker()
        self.broker.declare(worker_topology(WORKER_QUEUE, "#"))
        self.broker.declare(sandbox_topology())
        self.authority = Authority(AuthoritySettings(), clock)
        self.agent = CreditorsAgent(AgentSettings(ledger_period=timedelta()), clock)
        self.network = FaultyTarget(self.broker.target(), rules, clock, seed)
        self.authority_peer = AuthorityPeer(self.broker.source(AUTHORITY_QUEUE), self.network, self.authority)
        self.creditors_peer = CreditorsPeer(self.broker.source(CREDITORS_QUEUE), self.network, self.agent)
        self._service = self.broker.source(WORKER_QUEUE)

    def talk(self) -> None:
        """Lets both peers work until nobody says anything any more."""
        while self.authority_peer.run_once() + self.creditors_peer.run_once():
            pass

    def send(self, *messages: smp.Message) -> None:
        """What the service sends to the authority."""
        self.broker.target().publish(
            [
                Publication(CREDITORS_OUT, hexadecimal_routing_key(m.debtor_id), type(m).__name__, smp.encode(m))
                for m in messages
            ]
        )

    def heard(self) -> list[Delivery]:
        """What reached the service; each is checked by the service's own codec."""
        deliveries = self._service.take(10_000, 0.0)
        self._service.settle([delivery.tag for delivery in deliveries])
        for delivery in deliveries:
            message = codec.decode(delivery)
            if delivery.type not in ("PreparedTransfer", "FinalizedTransfer", "RejectedTransfer"):
                assert delivery.routing_key == binary_routing_key(message.key)
            assert delivery.headers["message-type"] == delivery.type
        return deliveries


@pytest.fixture
def town(clock: FakeClock) -> Town:
    return Town(clock)


def fields(deliveries: list[Delivery], kind: str) -> list[dict[str, object]]:
    return [msgspec.json.decode(delivery.body) for delivery in deliveries if delivery.type == kind]


def test_a_payment_goes_from_the_first_message_to_the_ledger(town: Town) -> None:
    town.authority.configure_currency(DEBTOR, RootConfig(info=DebtorInfo(iri="https://localhost/1")))
    town.agent.open_account(SELLER, DEBTOR)
    town.agent.set_policy(SELLER, DEBTOR, Policy("conservative", 0, 500))
    town.send(configure(COLLECTOR, town.clock(), negligible=1e30))
    town.talk()
    heard = town.heard()
    assert sorted({delivery.type or "" for delivery in heard}) == ["AccountUpdate", "UpdatedLedger", "UpdatedPolicy"]
    # Customers' AccountUpdates are for the creditors agent only, and nobody hears of the root account.
    assert [update["creditor_id"] for update in fields(heard, "AccountUpdate")] == [COLLECTOR, COLLECTOR]
    assert [ledger["principal"] for ledger in fields(heard, "UpdatedLedger")] == [0]

    town.authority.issue(DEBTOR, SELLER, 1000)
    town.clock.advance(seconds=1)
    town.talk()
    heard = town.heard()
    assert [delivery.type for delivery in heard] == ["UpdatedLedger"]
    assert [ledger["principal"] for ledger in fields(heard, "UpdatedLedger")] == [1000]

    town.send(prepare(SELLER, str(COLLECTOR), town.clock(), least=1, most=600))
    town.talk()
    (delivery,) = town.heard()
    assert delivery.headers["ca-trade"] is True
    assert delivery.headers["ca-creditors"] is False
    assert (delivery.headers["coordinator-id"], delivery.headers["coordinator-type"]) == (SELLER, "agent")
    prepared = msgspec.json.decode(delivery.body, type=smp.PreparedTransfer)
    assert prepared.locked_amount == 600

    town.send(finalize(prepared, 500, town.clock()))
    town.talk()
    town.clock.advance(seconds=1)
    town.talk()
    heard = town.heard()
    assert sorted(delivery.type or "" for delivery in heard) == [
        "AccountTransfer",
        "AccountTransfer",
        "FinalizedTransfer",
        "UpdatedLedger",
    ]
    transfers = fields(heard, "AccountTransfer")
    assert [(t["creditor_id"], t["acquired_amount"], t["principal"]) for t in transfers] == [
        (SELLER, -500, 500),
        (COLLECTOR, 500, 500),
    ]
    (ledger,) = fields(heard, "UpdatedLedger")
    assert (ledger["principal"], ledger["last_transfer_number"]) == (500, 2)
    assert town.authority.audit()[DEBTOR].circulating == 1000


def test_bad_messages_are_dead_lettered_and_change_nothing(town: Town, clock: FakeClock) -> None:
    town.authority.configure_currency(DEBTOR)
    good = configure(SELLER, clock())
    proper = Publication(CREDITORS_OUT, "0", "ConfigureAccount", smp.encode(good))
    bad = [
        replace(proper, content_type="text/plain"),
        replace(proper, type="PrepareTransfer"),
        replace(proper, type="AccountUpdate"),
        replace(proper, body=b"{"),
        replace(proper, body=b"\xff"),
        replace(proper, body=proper.body.replace(b'"seqnum":0', b'"seqnum":2147483648')),
        replace(proper, body=proper.body.replace(b'"seqnum":0', b'"seqnum":"0"')),
        replace(proper, body=proper.body.replace(b'"config_data":""', b'"config_data":"' + b"\xc3\xa9" * 1001 + b'"')),
    ]
    town.broker.target().publish(bad)
    town.talk()
    assert town.authority_peer.dead_letters == len(bad)
    assert town.authority.account(DEBTOR, SELLER) is None
    town.broker.target().publish([proper])
    town.talk()
    assert town.authority.account(DEBTOR, SELLER) is not None


class ShakyTarget:
    """Fails to confirm the first batches."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.published: list[Publication] = []

    def publish(self, batch: Sequence[Publication]) -> list[int]:
        if self.failures:
            self.failures -= 1
            raise PublishError("no confirm")
        self.published.extend(batch)
        return []

    def close(self) -> None:
        pass


def test_what_was_not_confirmed_is_published_again_and_causes_stay_unsettled(town: Town, clock: FakeClock) -> None:
    target = ShakyTarget(2)
    source = town.broker.source(AUTHORITY_QUEUE)
    peer = AuthorityPeer(source, target, town.authority)
    town.send(configure(SELLER, clock()))
    peer.run_once()
    assert peer.run_once() == 0
    assert target.published == []
    source.close()
    assert town.broker.depth(AUTHORITY_QUEUE) == 1  # a crash now would only repeat the message


def test_messages_are_settled_after_the_repetition(town: Town, clock: FakeClock) -> None:
    target = ShakyTarget(1)
    source = town.broker.source(AUTHORITY_QUEUE)
    peer = AuthorityPeer(source, target, town.authority)
    town.send(configure(SELLER, clock()))
    peer.run_once()
    assert [p.type for p in target.published] == []
    peer.run_once()
    assert [p.type for p in target.published] == ["AccountUpdate"]
    source.close()
    assert town.broker.depth(AUTHORITY_QUEUE) == 0


ROUGH = TransitRule(
    types=frozenset({"AccountUpdate", "AccountTransfer", "ConfigureAccount"}),
    duplicate=0.4,
    copy_delay=timedelta(minutes=5),
    delay=0.3,
    delay_by=timedelta(minutes=2),
    reorder_window=timedelta(seconds=20),
)


@pytest.mark.parametrize("seed", range(5))
def test_delay_repetition_and_disorder_end_in_the_same_state(clock: FakeClock, seed: int) -> None:
    town = Town(clock, [ROUGH], seed)
    town.authority.configure_currency(DEBTOR)
    for creditor_id in (SELLER, BUYER):
        town.agent.open_account(creditor_id, DEBTOR)

    def wait() -> None:
        for _ in range(20):
            clock.advance(seconds=30)
            town.network.pump()
            town.talk()

    wait()
    town.authority.issue(DEBTOR, SELLER, 1000)
    for amount in (100, 200, 300):
        wait()
        town.authority.pay(DEBTOR, SELLER, BUYER, amount)
    wait()
    assert town.network.held == 0
    assert town.network.counts["duplicated"] > 0
    ledgers = [town.agent.accounts[creditor_id, DEBTOR].ledger for creditor_id in (SELLER, BUYER)]
    assert [(ledger.principal, ledger.last_transfer_number) for ledger in ledgers] == [(400, 4), (600, 3)]
    last = {update["creditor_id"]: update["principal"] for update in fields(town.heard(), "UpdatedLedger")}
    assert last == {SELLER: 400, BUYER: 600}


TRANSFER = {
    "creation_date": "2026-11-23",
    "transfer_number": 1,
    "sender": "1",
    "recipient": "2",
    "acquired_amount": 1,
    "transfer_note_format": "",
    "transfer_note": "",
    "committed_at": "2026-11-23T16:00:00Z",
    "principal": 1,
    "previous_transfer_number": 0,
}
REJECTED = {"coordinator_id": SELLER, "coordinator_request_id": 1, "status_code": "X", "total_locked_amount": 0}
PURGE = {"creation_date": "2026-11-23"}


@pytest.mark.parametrize(
    ("kind", "creditor_id", "coordinator_type", "body", "audience"),
    [
        (smp.AccountPurge, COLLECTOR, None, PURGE, (True, False)),
        (smp.AccountPurge, SELLER, None, PURGE, (False, True)),
        (smp.AccountPurge, 0x10000000000, None, PURGE, (True, False)),
        (smp.AccountPurge, 0x100000007FF, None, PURGE, (True, False)),
        (smp.AccountPurge, 0x10000000800, None, PURGE, (False, True)),
        (smp.AccountTransfer, COLLECTOR, "interest", TRANSFER, (True, False)),
        (smp.AccountTransfer, COLLECTOR, "agent", TRANSFER, (True, False)),
        (smp.AccountTransfer, BUYER, "agent", TRANSFER, (True, True)),
        (smp.AccountTransfer, BUYER, "direct", TRANSFER, (False, True)),
        (smp.RejectedTransfer, SELLER, "agent", REJECTED, (True, False)),
        (smp.RejectedTransfer, SELLER, "direct", REJECTED, (False, True)),
    ],
)
def test_each_message_has_its_audience(
    kind: type[smp.Message],
    creditor_id: int,
    coordinator_type: str | None,
    body: dict[str, object],
    audience: tuple[bool, bool],
) -> None:
    fields = {"debtor_id": DEBTOR, "creditor_id": creditor_id, "ts": "2026-11-23T16:00:00Z", **body}
    if coordinator_type is not None:
        fields["coordinator_type"] = coordinator_type
    message = msgspec.convert({"type": kind.__name__, **fields}, kind)
    assert Gateway().audience(message) == audience

"""An economy, the service and its peers, in a state that only the driver changes."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, LiteralString, Self

import psycopg

from bridge.loopback import LoopbackBroker
from bridge.wire.ports import Delivery, Publication, PublishError
from bridge.wire.sharding import Realm
from bridge.wire.topology import DEAD_LETTER_SUFFIX
from pipelines.turns.roll import TurnSettings
from sandbox.authority import Authority, AuthoritySettings, DebtorInfo, RootConfig
from sandbox.authority.configuring import change_debtor_info
from sandbox.authority.gateway import AuthorityPeer, Gateway
from sandbox.creditors.agent import AgentSettings, CreditorsAgent, CreditorsPeer
from sandbox.economy.setup import configure_currencies, issue_money, open_accounts, publish_documents, set_policies
from sandbox.protocol.coin_info import COIN_INFO_TYPE, CoinInfo
from sandbox.protocol.identity import DEFAULT_MAX_COLLECTOR_ID, DEFAULT_MIN_COLLECTOR_ID
from sandbox.protocol.smp import AccountTransfer, decode
from sandbox.protocol.topology import AUTHORITY_QUEUE, CREDITORS_QUEUE
from sandbox.world.exchange import InProcessExchange, declare_sandbox
from sandbox.world.transit import FaultyTarget
from service.wiring import Wiring
from settings.config import load
from tests.databases import connection_to
from tests.simulation.clock import Clock
from tests.simulation.databases import SimulationServer
from tests.simulation.documents import Documents
from tests.simulation.faults import INTEREST_RATES, RandomFaults, make_plan
from tests.simulation.foreign import ForeignTransfers
from tests.simulation.garbage import Litter
from tests.simulation.invariants import PENDING, SOLVER, SOLVER_STATE, WORKER, reserved_amount, violations
from tests.simulation.market import make_market
from tests.simulation.payments import Payments
from tests.simulation.process import Crash, MortalTarget, Process
from tests.simulation.shard import BridgeUnit, DrainUnit, LoopsUnit, Part, ScanUnit, ShardContext, SolverUnit, Unit
from tests.simulation.step_backs import SolverCopy, lost_turns, refund_lost_payments
from tests.simulation.violation import Violation
from tests.simulation.wrong_clocks import WrongClocks
from tests.simulation.wrong_settings import bind, start_wrongly

BINDING_KEYS = {1: ("#",), 2: ("0.#", "1.#"), 3: ("0.#", "1.0.#", "1.1.#")}
AMOUNT_CUT = 1e-5
FORGER = 0x6666666600000001
"""The debtor whose documents lie."""


class WatchedAuthority(AuthorityPeer):
    """An authority whose payments are compared with what was arranged."""

    payments: Payments
    floors: dict[tuple[int, int], int]

    def _read(self, delivery: Delivery) -> None:
        request = decode(self._decoder, delivery.body, delivery.type)
        self.payments.hear(request)
        self.authority.handle(request)

    def _collect(self) -> list[Publication]:
        messages = self.authority.step()
        self.payments.see(messages)
        for message in messages:
            if not isinstance(message, AccountTransfer):
                continue
            is_collectors = Gateway().is_collector(message.creditor_id)
            if message.coordinator_type == "delete" and is_collectors and message.acquired_amount < -2:
                raise Violation(f"a collector's money was given away: {message}")
            # Negative interest takes what the owner wanted to keep.
            if message.coordinator_type == "interest":
                key = (message.creditor_id, message.debtor_id)
                self.floors[key] = self.floors.get(key, 0) + min(0, message.acquired_amount)
        return list(self._gateway.publications(messages))


class World:
    """Everything there is in one run. Use as a context manager."""

    def __init__(self, server: SimulationServer, seed: int) -> None:
        dice = self.dice = random.Random(seed)
        random.seed(seed)
        self._server = server
        self._closing = ExitStack()
        self.clock = Clock()
        self.floors: dict[tuple[int, int], int] = {}
        self.faults = Counter[str]()
        self.plan = make_plan(dice)
        self.active = False
        self.economy = make_market(dice)
        self.payments = Payments(AMOUNT_CUT)
        self.payments.interest.is_borne = self.plan.bears_interest
        self.documents = Documents(random.Random(dice.random()), 0.0)
        self.shard_count = dice.choice((1, 2, 2, 3))
        self.turn_settings = self._choose_pace()
        databases = [f"worker_{n}" for n in range(self.shard_count)]
        server.empty(["solver", *databases])
        self.watchers = {name: self._watch(name) for name in ["solver", *databases]}
        self.clocks = WrongClocks(list(self.watchers), dice, self.faults)
        self._choose_lanes(databases)
        self._closing.enter_context(self.clock.rules())
        self._build_peers()
        self._build_units(databases)
        self._copy: SolverCopy | None = None
        self.lost_turns: set[tuple[str, int]] = set()
        """Which shards (their databases) never got the result of which turns."""
        self._states: dict[str, tuple[Any, ...]] = {}
        self._stale = set(self.watchers)
        self._looked_at = self.clock.now()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._closing.close()

    # Making

    def _choose_pace(self) -> TurnSettings:
        period, phase1, phase2 = self.dice.choice(((24, 10, 60), (24, 2, 20), (4, 2, 30)))
        self.turns = self.dice.choice((2, 3, 3))
        # Some faults strike when collectors come into existence.
        disturbs_collectors = self.plan.reject_config or self.plan.hide_identity or self.plan.poor_terms
        self.starts_calmly = self.dice.random() < (0.75 if disturbs_collectors else 0.9)
        return TurnSettings(
            period=timedelta(hours=period),
            offset=timedelta(hours=1),
            phase1_duration=timedelta(minutes=phase1),
            phase2_duration=timedelta(minutes=phase2),
            base_debtor_info_locator=self.documents.locator(self.economy.base_debtor_id),
            base_debtor_id=self.economy.base_debtor_id,
            max_distance_to_base=10,
            min_trade_amount=self.dice.choice((1, 1, 2, 20)),
            max_commit_period=timedelta(days=30),
        )

    def _watch(self, name: str) -> psycopg.Connection[Any]:
        return self._closing.enter_context(connection_to(self._server.url(name)))

    def _choose_lanes(self, databases: Sequence[str]) -> None:
        self._lane_counts = {name: self.dice.choice((1, 1, 2, 2, 4, 8)) for name in databases}
        for name, count in self._lane_counts.items():
            self.watchers[name].execute("update worker.configuration set lane_count = %s", (count,))

    def _build_peers(self) -> None:
        self._broker = LoopbackBroker()
        exchange = InProcessExchange()
        exchange._broker = self._broker
        self._queues = {f"swpt_trade_{n}": key for n, key in enumerate(BINDING_KEYS[self.shard_count])}
        declare_sandbox(exchange, self._queues)
        self.authority_faults = RandomFaults(self.plan, random.Random(self.dice.random()), self.faults)
        settings = AuthoritySettings(
            account_ids=self.dice.choice(("u64", "opaque")),
            credit_delay=timedelta(seconds=self.dice.choice((0, 1, 3600))),
        )
        self.authority = Authority(
            settings, self.clock.now, faults=self.authority_faults, seed=self.dice.randrange(2**32)
        )
        self.agent = CreditorsAgent(AgentSettings(), self.clock.now)
        self.networks: list[FaultyTarget] = []
        realms = [Realm.parse(key) for key in self._queues.values()]
        self.litter = Litter(self._broker.target(), realms, self.dice, self.faults)
        self.authority_peer = WatchedAuthority(
            self._broker.source(AUTHORITY_QUEUE),
            self._peer_target(),
            self.authority,
            limit=self.dice.choice((1, 9, 500)),
        )
        self.foreign = ForeignTransfers(
            self.authority,
            [trader.creditor_id for trader in self.economy.traders],
            self.floors,
            self.dice,
            self.faults,
        )
        self.authority_peer.payments = self.payments
        self.authority_peer.floors = self.floors
        self.agent_peer = CreditorsPeer(
            self._broker.source(CREDITORS_QUEUE), self._peer_target(), self.agent, limit=self.dice.choice((1, 9, 500))
        )

    def _network(self) -> FaultyTarget:
        target = self.litter.overhear(self._broker.target())
        network = FaultyTarget(target, [], self.clock.now, self.dice.randrange(2**32))
        self.networks.append(network)
        return network

    def _peer_target(self) -> MortalTarget:
        return MortalTarget(self._network(), None, self._publishing_fails)

    def _publishing_fails(self) -> bool:
        fails = self.active and self.dice.random() < self.plan.unconfirmed
        self.faults["F17 unconfirmed"] += fails
        return fails

    def _new_process(self) -> Process:
        return Process(self._server, self.clock, self.dice, self.clocks)

    def _build_units(self, databases: Sequence[str]) -> None:
        self._makers: dict[str, Callable[[], Unit]] = {
            "solver": lambda: SolverUnit(self._new_process(), lambda: self.turn_settings)
        }
        self._realms = dict(zip(databases, map(Realm.parse, self._queues.values()), strict=True))
        local_delivery = "true" if self.dice.random() < 0.7 else "false"
        for database, (queue, key) in zip(databases, self._queues.items(), strict=True):
            bind(self.watchers[database], key)
            context = ShardContext(
                database=database,
                wiring=self._wiring_of(database, queue, key, local_delivery),
                lane_count=self._lane_counts[database],
                new_process=self._new_process,
                new_source=lambda queue=queue: self._broker.source(queue),  # type: ignore[misc]
                target=self._network(),
                fails=self._publishing_fails,
                documents=self.documents,
                dice=self.dice,
                clock=self.clock,
                scan_period=timedelta(hours=self.dice.choice((0.5, 6, 48))),
            )
            # The loops come first: they write the configuration.
            for name, unit in (("loops", LoopsUnit), ("bridge", BridgeUnit), ("drain", DrainUnit), ("scans", ScanUnit)):
                self._makers[f"{database}.{name}"] = lambda unit=unit, context=context: unit(context)  # type: ignore[misc]
        self.units = {name: make() for name, make in self._makers.items()}
        self._closing.callback(self._end_processes)

    def _wiring_of(self, database: str, queue: str, binding_key: str, local_delivery: str) -> Wiring:
        environment = {
            "SOLVER_POSTGRES_URL": self._server.url("solver"),
            "WORKER_POSTGRES_URL": self._server.url(database),
            "PROTOCOL_BROKER_QUEUE": queue,
            "PROTOCOL_BROKER_QUEUE_ROUTING_KEY": binding_key,
            "TRANSFERS_AMOUNT_CUT": str(AMOUNT_CUT),
            "APP_LOCAL_DELIVERY": local_delivery,
        }
        return Wiring(load("worker", environment))

    def _end_processes(self) -> None:
        for unit in self.units.values():
            unit.process.kill()

    # Setting up

    def open_economy(self, settle: Callable[[], None]) -> None:
        """Documents, accounts, money and policies; `settle` lets everybody work until all is quiet."""
        self._ask_for_collectors(self.dice.choice((1, 2, 3)))
        iris = publish_documents(self.economy, self.documents)  # type: ignore[arg-type]
        rates = {
            currency.debtor_id: self.dice.choice(INTEREST_RATES)
            for currency in self.economy.currencies
            if self.dice.random() < self.plan.interest
        }
        configure_currencies(self.economy, self.authority, iris, rates)
        if self.plan.forge:
            self._let_forger_in()
        open_accounts(self.economy, self.agent)
        settle()
        issue_money(self.economy, self.authority)
        set_policies(self.economy, self.agent)
        for _ in range(2):
            settle()
            # Until the money has arrived, and the ledgers show it.
            self.clock.advance(self.authority.books.settings.credit_delay + timedelta(minutes=1))
        settle()
        for account in self.economy.accounts:
            self.floors[account.creditor_id, account.debtor_id] = min(account.principal, account.max_principal)

    def _let_forger_in(self) -> None:
        """An issuer in whose currency nobody trades asks for a collector account, as every issuer may."""
        self.forge_document()
        gateway = Gateway()
        self.watchers["solver"].execute(
            "select solver.ensure_collectors(%s, 1, %s, %s)",
            (FORGER, gateway.min_collector_id, gateway.max_collector_id),
        )

    def forge_document(self) -> None:
        """The forger has a new document, which claims the locator of another currency, mostly of the base."""
        victim = self.dice.choice(self.economy.currencies) if self.dice.random() < 0.3 else self.economy.currencies[0]
        iri = self.documents.forge(CoinInfo(FORGER, "Forger", "X"), victim.debtor_id)
        self.authority.configure_currency(FORGER, RootConfig(info=DebtorInfo(iri=iri, content_type=COIN_INFO_TYPE)))
        for account in list(self.authority.books.accounts.values()):
            if account.debtor_id == FORGER and not (account.deleted or account.is_root):
                change_debtor_info(self.authority.books, account, self.clock.now())

    def _ask_for_collectors(self, count: int) -> None:
        """With several of a currency, they have to pay each other."""
        with self.watchers["solver"].transaction():
            self.watchers["solver"].execute("select set_config('swpt.now', %s, true)", (self.clock.now().isoformat(),))
            for currency in self.economy.currencies if count > 1 else ():
                self.watchers["solver"].execute(
                    "select solver.ensure_collectors(%s, %s, %s, %s)",
                    (currency.debtor_id, count, DEFAULT_MIN_COLLECTOR_ID, DEFAULT_MAX_COLLECTOR_ID),
                )

    def set_faults(self, active: bool) -> None:
        """Lets things go wrong from now on, or not any more. What is under way stays under way."""
        self.active = self.authority_faults.active = active
        self.documents.trouble = self.plan.documents if active else 0.0
        self.clocks.set_all(self.plan.skew if active else 0.0)
        if not active:
            self.foreign.end_due(None)
        for network in self.networks:
            network.rules = self.plan.rules() if active else []

    def stop_turns(self) -> None:
        """No new turns from now on."""
        self.turn_settings = replace(self.turn_settings, period=timedelta())

    # Working

    def parts(self) -> dict[str, Part]:
        """Everything that can happen next, by name."""
        found: dict[str, Part] = {
            "authority": self.authority_peer.run_once,
            "agent": self.agent_peer.run_once,
            "network": lambda: sum(network.pump() for network in self.networks),
        }
        for name, unit in self.units.items():
            for part, work in unit.parts().items():
                found[f"{name}.{part}"] = work
        return found

    def pending(self) -> set[str]:
        """The names of parts that have something to do, or might have."""
        now = self.clock.now()
        names = {"authority", "agent"}
        if any(network.held for network in self.networks):
            names.add("network")
        turns, latest_start, has_open_turn, has_due_turn, has_pristine, catalogue, is_stepped_back = self._state(
            "solver", SOLVER_STATE
        )
        if is_stepped_back or has_due_turn or (not has_open_turn and self._may_start(latest_start)):
            names.add("solver.solver")
        for database, queue in zip(self._lane_counts, self._queues, strict=True):
            lanes, collectors, has_unknown, *others, has_step, known_turns = self._state(database, PENDING)
            names |= {f"{database}.drain.drain {lane - 1}" for lane in lanes or ()}
            if has_step or known_turns != turns or is_stepped_back:
                names.add(f"{database}.loops.turns")
            if has_pristine or has_unknown or self._differ(database, collectors or (), catalogue or ()):
                names.add(f"{database}.loops.collectors")
            if self._broker.depth(queue):
                names.add(f"{database}.bridge.inbound")
            scans = self.units[f"{database}.scans"]
            if isinstance(scans, ScanUnit) and scans.is_due:
                names.add(f"{database}.scans.beats")
            parts = ("bridge.outbound", "bridge.fetch", "loops.trigger", "loops.transfers", "loops.requests")
            names |= {f"{database}.{part}" for part, is_pending in zip(parts, others, strict=True) if is_pending}
        self._stale.clear()
        self._looked_at = now
        return names

    def start_wrongly(self, database: str) -> None:
        """Somebody starts a process of another shard, or with another range of IDs, on this database."""
        if start_wrongly(self.watchers[database], self._realms[database].binding_key, self.dice):
            self.faults["F20 started wrongly"] += 1

    def step_back(self) -> bool:
        """The solver's database becomes what it was at the last call but for this one; returns whether it does."""
        copy, self._copy = self._copy, None
        if copy is not None:
            copy.restore(self.watchers["solver"])
            self.see_change("solver")
            self.faults["F21 solver stepped back"] += 1
            return True
        copy = SolverCopy(self.watchers["solver"])
        self._copy = copy if copy.is_alive else None
        return False

    def refund(self) -> None:
        """An operator has paid back what came in for lost turns."""
        for name, connection in self.watchers.items():
            if name != "solver":
                with connection.transaction():
                    connection.execute("select set_config('swpt.now', %s, true)", (self.now(name).isoformat(),))
                    self.lost_turns |= {(name, turn_id) for turn_id in lost_turns(connection)}
                    self.faults["F21 refund"] += refund_lost_payments(connection, self.payments)
                self.see_change(name)

    def owner_of(self, key: int) -> str:
        """The database of the shard that has the accounts of a creditor or a collector."""
        return next(name for name, realm in self._realms.items() if realm.matches(key))

    def see_change(self, database: str) -> None:
        """Somebody else has changed the database."""
        self._stale.add(database)

    def _differ(self, database: str, collectors: Iterable[list[int]], catalogue: Iterable[list[int]]) -> bool:
        """Do the shard and the solver know different collectors of the shard? Each has debtor and collector IDs."""
        realm = self._realms[database]
        return {*map(tuple, collectors)} != {tuple(pair) for pair in catalogue if realm.matches(pair[1])}

    def now(self, database: str) -> datetime:
        """What the clock of the database says."""
        return self.clock.now() + self.clocks.of(database)

    def _state(self, database: str, query: LiteralString) -> tuple[Any, ...]:
        """The row of the query, asked anew when the database may have changed, or minutes have passed."""
        if database in self._stale or self.clock.now() - self._looked_at > timedelta(seconds=20):
            row = self.watchers[database].execute(query, {"now": self.now(database)}).fetchone()
            assert row is not None
            self._states[database] = row
        return self._states[database]

    def _may_start(self, latest_start: datetime | None) -> bool:
        settings, now = self.turn_settings, self.now("solver")
        if not settings.period:
            return False
        overdue = (now - datetime(2024, 1, 1, tzinfo=UTC) - settings.offset) % settings.period
        is_long_ago = latest_start is None or now - latest_start > settings.period / 2
        return overdue < settings.period / 2 and is_long_ago

    def run(self, name: str, work: Part) -> int:
        """Lets one part work, perhaps to its death, and checks everything it can have touched."""
        unit_name = name.rpartition(".")[0]
        unit = self.units.get(unit_name)
        if unit is not None and self.active and self.dice.random() < self.plan.crash:
            unit.process.armed = self.dice.randrange(7)
        done = 0
        try:
            done = work()
        except Crash as crash:
            self.faults[f"crash {crash}"] += 1
            assert unit is not None
            unit.die()
            self.units[unit_name] = self._makers[unit_name]()
            done = 1
        except PublishError:
            done = 1
        if unit is not None:
            unit.process.armed = None
        if unit is not None:
            # Even if it says that nothing was done: documents from the cache count as nothing.
            self._stale |= {unit_name.partition(".")[0], "solver"}
        if done:
            self.check(unit_name.partition(".")[0] or name)
        return done

    # Checking

    def check(self, where: str) -> None:
        """The invariants of what a part has touched. Raises `Violation` and `ConservationError`."""
        found: list[str] = []
        if where == "solver":
            self.payments.learn(self.watchers["solver"])
        if where in self.watchers:
            found += violations(self.watchers[where], SOLVER if where == "solver" else WORKER)
            if where != "solver" and self.plan.forge:
                found += self._forged_documents(where)
            if where != "solver":
                self.payments.interest.look(self.watchers[where])
        elif where == "authority":
            self.authority.audit()
            found += self._poor_accounts()
        if found:
            raise Violation("; ".join(found))

    def _forged_documents(self, database: str) -> list[str]:
        """Currencies whose document was not read from their own address."""
        query: LiteralString = "select debtor_info_locator, debtor_id from worker.debtor_info_document"
        return [
            f"the document of {locator} is that of {debtor_id}"
            for locator, debtor_id in self.watchers[database].execute(query).fetchall()
            if locator != self.documents.locator(debtor_id)
        ]

    def _poor_accounts(self) -> list[str]:
        """Accounts with less than nothing, and those that lost more than their owners offered."""
        found = []
        now = self.clock.now()
        for account in self.authority.books.accounts.values():
            if not account.is_root and account.balance_floor(now) + 1 < reserved_amount(account, now):
                found.append(f"{account.key} has {account.principal}, of which {account.total_locked_amount} locked")
            floor = self.floors.get((account.creditor_id, account.debtor_id))
            if floor is not None and account.principal < floor:
                found.append(f"{account.key} has {account.principal} left, the owner wanted to keep {floor}")
        return found

    def dead_letters(self) -> int:
        """How many messages the bridges have refused."""
        return sum(self._broker.depth(queue + DEAD_LETTER_SUFFIX) for queue in self._queues)

"""A run: the economy trades, faults come one after the other, and in the end nothing may be lost or left."""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.economy.generator import make_economy
from sandbox.servers.broker import server_script
from sandbox.servers.documents import DocumentServer
from tests.chaos.aftermath import decide, give_up_locks, give_up_payments, let_time_pass
from tests.chaos.faults import FAULTS, Fault, draw
from tests.chaos.installation import SERVERS, Installation
from tests.chaos.surroundings import Surroundings
from tests.chaos.watch import Watch

TRADERS, CURRENCIES = 150, 12
FIRST_TURN_SECONDS = 600.0
ENDING_SECONDS = 900.0


class Failure(AssertionError):
    """Something was lost, or is left."""


@dataclass
class Summary:
    """What a run did; times in seconds. `faults`, `damage_seconds` and `interruptions` are by kind of fault.

    An interruption is the longest time for which some worker took nothing from the broker, or sent nothing to it.
    """

    seed: int
    faults: Counter[str] = field(default_factory=Counter)
    damage_seconds: Counter[str] = field(default_factory=Counter)
    network_faults: Counter[str] = field(default_factory=Counter)
    messages: int = 0
    turns: int = 0
    trading_turns: int = 0
    takings: int = 0
    wishes: int = 0
    decided: int = 0
    refunded: int = 0
    settled: int = 0
    replayed: int = 0
    given_up: int = 0
    never_paid: int = 0
    kept_tokens: int = 0
    interruptions: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    faults_seconds: float = 0.0
    ending_seconds: float = 0.0


def run(
    seed: int,
    count: int,
    tell: Callable[[str], None],
    weights: Mapping[Fault, float] = FAULTS,
    *,
    is_clustered: bool = False,
) -> Summary:
    """Runs `count` faults of some kinds; `weights` says how often each comes. `is_clustered`: see `Installation`.

    Raises `Failure` with all that is wrong; the servers' logs are kept then.
    """
    script = server_script()
    if script is None:
        raise RuntimeError("no RabbitMQ server program: `make system` installs it")
    dice = random.Random(seed)
    summary = Summary(seed)
    economy = make_economy(seed, TRADERS, CURRENCIES)
    folder = Path(tempfile.mkdtemp(prefix="swpt-chaos-"))
    with (
        DocumentServer() as documents,
        Installation(script, economy, documents, folder, is_clustered=is_clustered) as installation,
    ):
        for name in SERVERS[:-1]:
            installation.start(name)
        with Surroundings(installation.broker_url, economy, documents, seed) as surroundings:
            try:
                installation.start("solver")
                _wait(lambda: installation.turns()["takings"] > 0, surroundings, FIRST_TURN_SECONDS, "no turn trades")
                tell("the first trades are arranged, now the faults begin")
                surroundings.start_faults()
                began = time.monotonic()
                for number, fault in enumerate(draw(dice, count, weights), 1):
                    time.sleep(dice.uniform(0.2, 2.0))
                    started = time.monotonic()
                    with Watch(installation) if is_clustered else nullcontext() as watch:
                        fault(dice, installation, surroundings)
                    _check_alive(installation, surroundings)
                    installation.replay_journals()
                    summary.faults[fault.__name__] += 1
                    summary.damage_seconds[fault.__name__] += time.monotonic() - started
                    tell(f"{number:4} of {count}  {fault.__name__:16} {time.monotonic() - started:5.1f} s")
                    if watch is not None:
                        summary.interruptions[fault.__name__].append(watch.longest)
                        tell(f"{'':13}somebody heard or said nothing for {watch.longest:.1f} s")
                summary.faults_seconds = time.monotonic() - began
                last = installation.turns()["last_turn"]
                _wait(
                    lambda: installation.turns()["last_trading_turn"] > last,
                    surroundings,
                    FIRST_TURN_SECONDS,
                    "no turn trades after the last fault",
                )
                _end(installation, surroundings, summary, tell)
            except BaseException as error:
                raise Failure(f"seed {seed}: {error}; the logs: {folder}") from error
    shutil.rmtree(folder)
    return summary


def _end(installation: Installation, surroundings: Surroundings, summary: Summary, tell: Callable[[str], None]) -> None:
    """No more faults and no more turns: everything comes to its end, and is counted."""
    tell("no more faults: the open turn comes to its end")
    began = time.monotonic()
    surroundings.end_faults()
    if status := installation.stop("solver"):
        raise Failure(f"the solver ended with status {status}")
    installation.start("solver", TURN_PERIOD="0")
    left: dict[str, int] = {}

    def is_over() -> bool:
        left.clear()
        if installation.replay_journals():
            left["journals"] = 1
            return False
        left.update(_left(installation, surroundings))
        if surroundings.is_quiet:
            let_time_pass(installation)
            # Also about payments for lost turns, which stay on their list; some of those were paid out before.
            if decide(installation, surroundings.ledger):
                left["decisions"] = 1
            if left.keys() <= {"locks", "open transfers", "statuses"}:
                summary.given_up += give_up_locks(installation)
                if "statuses" in left:
                    summary.never_paid += give_up_payments(installation)
        return not left

    try:
        _wait(is_over, surroundings, ENDING_SECONDS, "not everything ends")
    except Failure as failure:
        raise Failure(f"{failure}; left: {left}") from None
    summary.ending_seconds = time.monotonic() - began
    problems = []
    for debtor_id, totals in surroundings.audit().items():
        issued = sum(a.principal for a in surroundings.economy.accounts if a.debtor_id == debtor_id)
        if (totals.circulating, totals.locked, totals.in_flight) != (issued, 0, 0):
            problems.append(f"currency {debtor_id}: {issued} tokens were issued, now {totals}")
    problems += [f"paid twice: {key}" for key in surroundings.ledger.paid_twice()]
    if surroundings.dead_letters:
        problems.append(f"{surroundings.dead_letters} messages of the service could not be read")
    for name in SERVERS:
        if status := installation.stop(name):
            problems.append(f"{name} ended with status {status}")
    if problems:
        raise Failure("; ".join(problems))
    turns = installation.turns()
    summary.turns, summary.trading_turns, summary.takings = turns["turns"], turns["trading_turns"], turns["takings"]
    summary.decided, summary.replayed = installation.decided, installation.replayed
    summary.refunded, summary.settled = installation.refunded, installation.settled
    summary.kept_tokens = sum(surroundings.ledger.kept(0).values())
    summary.messages, summary.wishes = surroundings.messages, surroundings.wishes
    summary.network_faults = surroundings.network_faults


def _left(installation: Installation, surroundings: Surroundings) -> dict[str, int]:
    """What is not finished, by kind; the first of turns, databases, broker and peers that has anything."""
    if open_turns := installation.turns()["open"]:
        return {"open turns": open_turns}
    if not surroundings.is_quiet:
        return {"busy peers": 1}
    found = installation.leftovers() or installation.queue_lengths()
    if surroundings.open_transfers:
        found["open transfers"] = surroundings.open_transfers
    return found


def _wait(is_done: Callable[[], bool], surroundings: Surroundings, seconds: float, what: str) -> None:
    ends = time.monotonic() + seconds
    while not is_done():
        if surroundings.error is not None:
            raise surroundings.error
        if time.monotonic() > ends:
            raise Failure(f"{what} within {seconds:.0f} s")
        time.sleep(0.5)


def _check_alive(installation: Installation, surroundings: Surroundings) -> None:
    """The supervisors must live through everything but their own deaths."""
    if surroundings.error is not None:
        raise surroundings.error
    for name, server in installation.servers.items():
        if server.status is not None:
            raise Failure(f"{name} ended by itself, with status {server.status}")

"""`make bench-turn`: a whole turn of real processes over a real RabbitMQ, beside what broker and peers need anyway.

Usage: python -m benchmarks.broker_turn [--offers N[,N …]] [--shards 1|2|4] [--stub first|all|none] [--keep-logs FOLDER]

A worker for each shard with all its processes, a solver, an authority and a creditors agent (each a process), a private
RabbitMQ and a private PostgreSQL whose commits wait for the disk share this machine. The clock runs from the start of
phase 2 to the last released lock; nothing waits for a configured time, a phase is over as soon as its work is done.

Then the same peers, from the same state, at the same broker, get the same messages from a stand-in for every shard
(benchmarks/broker_stub.py), which has no database. What ours may take is given as a multiple of that; and of a size
after the first, what an offer may cost as a multiple of what it cost there.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.broker_scene import Peers, Scene, Service, internal_only, prepared, wait_until
from benchmarks.cpu import cpu_seconds, machine_cpu
from sandbox.economy.economy import Economy
from sandbox.economy.generator import make_economy
from sandbox.servers.broker import server_script

RAW = Path(__file__).parent / "raw"
OFFERS = "100000,300000"
OFFERS_PER_TRADER = 3.45
"""What the economies of the sandbox give: 100,000 offers of about 29,000 traders."""
CURRENCIES = 100
SEED = 1
MOST_OF_STUB = 1.6
MOST_OF_FIRST_SIZE = 1.1
LARGEST_TABLES = 6
LARGEST_PARTS = 12
"""Of those that share the CPU time, so many are shown by themselves."""


@dataclass(frozen=True, slots=True)
class Played:
    """The turn of the stand-ins. CPU times in seconds, by part; `messages`: taken and published by them."""

    seconds: float
    cpu: dict[str, float]
    machine_cpu: float
    taken: int
    published: int


@dataclass(frozen=True, slots=True)
class BrokerTurn:
    """A turn of ours. `phases`: name, and seconds; CPU times in seconds, by part.

    `sent`: messages of ours that left by the broker, by type; `told`: those that the peers published, by type.
    `body_bytes`: of the bodies of transfers and of what the peers published; `wal_bytes`: what the database server
    logged meanwhile; `tables`: rows and bytes of the largest tables of the shards.
    """

    offers: int
    traded: int
    traders: int
    seconds: float
    machine_cpu: float
    phases: list[tuple[str, float]]
    cpu: dict[str, float]
    sent: dict[str, int]
    told: dict[str, int]
    body_bytes: int = 0
    wal_bytes: int = 0
    tables: dict[str, tuple[int, int]] = field(default_factory=dict)
    played: Played | None = None
    leftovers: list[str] = field(default_factory=list)

    @property
    def messages(self) -> int:
        """How many messages were published, by anybody."""
        return sum(self.sent.values()) + sum(self.told.values())

    @property
    def of_stub(self) -> float | None:
        """How often the time of the stand-ins."""
        return None if self.played is None else self.seconds / self.played.seconds


def main() -> int:
    """Measures every size; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.broker_turn",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--offers", default=OFFERS, help=f"about how many, several with commas (default: {OFFERS})")
    parser.add_argument("--shards", type=int, choices=(1, 2, 4), default=2, help="default: 2")
    parser.add_argument(
        "--stub", choices=("first", "all", "none"), default="first", help="sizes to play (default: first)"
    )
    parser.add_argument("--keep-logs", type=Path, metavar="FOLDER", help="what the processes printed goes there")
    options = parser.parse_args()
    console = Console(width=150, highlight=False)
    turns: list[BrokerTurn] = []
    for offers in map(int, options.offers.split(",")):
        traders = max(60, round(offers / OFFERS_PER_TRADER))
        economy = make_economy(SEED, traders, min(CURRENCIES, max(30, traders // 20)))
        is_played = options.stub == "all" or (options.stub == "first" and not turns)
        turns.append(measure(economy, options.shards, is_played, console, options.keep_logs))
        show(turns[-1], options.shards, console)
        if len(turns) > 1:
            first, last = (1000 * turn.seconds / turn.offers for turn in (turns[0], turns[-1]))
            console.print(
                f"an offer takes {last:.3f} ms, with {turns[0].offers:,} offers {first:.3f} ms: "
                f"{last / first:.2f} times (wanted: at most {MOST_OF_FIRST_SIZE})"
            )
        RAW.mkdir(exist_ok=True)
        path = RAW / f"broker-turn-{time.strftime('%Y%m%d-%H%M%S')}.json"
        facts = {"machine": platform.platform(), "cpus": os.cpu_count(), "shards": options.shards}
        path.write_text(json.dumps(facts | asdict(turns[-1]), indent=2) + "\n")
        console.print(f"raw figures: {path}")
    return 1 if any(turn.leftovers for turn in turns) else 0


def measure(economy: Economy, shards: int, is_played: bool, console: Console, logs: Path | None = None) -> BrokerTurn:
    """Runs the turn, then plays it. Raises RuntimeError when something ends before its time."""
    script = server_script()
    if script is None:
        raise SystemExit("no RabbitMQ server program was found: run `make system` as root")
    with ExitStack() as closing:
        folder = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="swpt-bench-")))
        if logs is not None:
            closing.callback(_keep_logs, folder, logs)

        def tell(text: str) -> None:
            console.print(f"[dim]{text}[/]")

        scene = closing.enter_context(prepared(economy, script, shards, folder, tell))
        with scene.queues(), Peers(scene, folder) as peers:
            before = scene.sent()
            turn = _run(scene, peers, folder)
            tell(f"a turn of {turn.offers:,} offers in {turn.seconds:.1f} s")
            # Until now the statistics may be a second late.
            time.sleep(2)
            after = scene.sent()
            told = peers.stop()
        sent = {name: after[name] - counts for name, counts in before.items()}
        turn = BrokerTurn(
            **asdict(turn)
            | {
                "sent": dict(sum(sent.values(), Counter())),
                "told": dict(sum((Counter(facts["published_by_type"]) for facts in told.values()), Counter())),
                "body_bytes": sum(facts["published_bytes"] for facts in told.values()) + peers.record.stat().st_size,
            }
        )
        if not is_played:
            return turn
        record = folder / "record-of-ours"
        shutil.move(peers.record, record)
        with scene.queues(), Peers(scene, folder) as peers:
            played = _play(scene, peers, record, folder, {name: internal_only(sent[name]) for name in sent})
            tell(f"the stand-ins needed {played.seconds:.1f} s")
            peers.stop()
        return BrokerTurn(**{**asdict(turn), "played": played})


def _run(scene: Scene, peers: Peers, folder: Path) -> BrokerTurn:
    watch = scene.watch
    with Service(scene, folder) as service:

        def check() -> None:
            service.check()
            peers.check()

        wait_until(scene.is_consumed, "consumers of all queues", check)
        turn_id = _start_turn(scene)
        wait_until(lambda: watch.is_past(turn_id, 1, 0), "phase 1", check)
        wait_until(lambda: scene.waiting() == 0, "messages of before", check)
        with _efforts(service.cpu, peers.cpu, scene) as efforts:
            watch.make_due(turn_id)
            wal = scene.wal_position()
            began = last = time.perf_counter()
            phases: list[tuple[str, float]] = []
            offers = 0
            for name, is_done in watch.milestones(turn_id, lambda: watch.make_due(turn_id)):
                wait_until(is_done, name, check)
                if name == "shipping":
                    offers = watch.offers()
                now = time.perf_counter()
                phases.append((name, now - last))
                last = now
            seconds = last - began
            wal = scene.wal_position() - wal
        return BrokerTurn(
            offers=offers,
            # Of the others, who were dismissed, nothing is left.
            traded=watch.count(f"worker.account_lock where turn_id = {turn_id}"),
            traders=len(scene.economy.traders),
            seconds=seconds,
            machine_cpu=efforts.machine,
            phases=phases,
            cpu=dict(efforts.parts),
            sent={},
            told={},
            wal_bytes=wal,
            tables=dict(sorted(scene.tables().items(), key=lambda item: -item[1][1])[:LARGEST_TABLES]),
            leftovers=_leftovers(scene),
        )


def _start_turn(scene: Scene) -> int:
    turn, solver = scene.turn, scene.watch.solver
    parameters = [*turn.of_start(), True]
    found: list[int] = []

    def start() -> bool:
        row = solver.execute("select solver.start_turn(%s, %s, %s, %s, %s, %s, %s, %s)", parameters).fetchone()
        found.extend(number for number in row or () if number is not None)
        return bool(found)

    # The one before has to end first.
    wait_until(start, "the turn before")
    return found[0]


def _leftovers(scene: Scene) -> list[str]:
    counts = {
        "set aside": scene.watch.count("worker.set_aside"),
        "unroutable": scene.watch.count("worker.unroutable_message"),
        "early arrivals": scene.watch.count("worker.early_arrival"),
        "participations": scene.watch.count("worker.creditor_participation"),
    }
    return [f"{what}: {count}" for what, count in counts.items() if count]


@dataclass(slots=True)
class _Efforts:
    parts: Counter[str] = field(default_factory=Counter)
    machine: float = 0.0


@contextmanager
def _efforts(ours: Callable[[], Counter[str]], peers: Callable[[], Counter[str]], scene: Scene) -> Iterator[_Efforts]:
    """CPU seconds within the block, by part."""

    def look() -> Counter[str]:
        found = ours() + peers()
        found["RabbitMQ"] = scene.broker_cpu()
        found["this benchmark"] = time.process_time()
        found.update({f"PostgreSQL: {name}": seconds for name, seconds in scene.postgres_cpu().items()})
        return found

    efforts = _Efforts()
    machine, before = machine_cpu(), look()
    yield efforts
    efforts.parts = look() - before
    efforts.machine = machine_cpu() - machine


def _play(scene: Scene, peers: Peers, record: Path, folder: Path, internal: dict[str, dict[str, int]]) -> Played:
    processes: list[subprocess.Popen[str]] = []
    results = [folder / f"stub-{place.database}.json" for place in scene.places]
    try:
        for place, result in zip(scene.places, results, strict=True):
            command = [sys.executable, "-m", "benchmarks.broker_stub", scene.url, place.queue, place.binding_key]
            command += [str(record), json.dumps(internal[place.database]), str(result)]
            processes.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        for process in processes:
            assert process.stdout is not None
            if process.stdout.readline() != "ready\n":
                raise RuntimeError("a stand-in does not start")
        wait_until(scene.is_consumed, "consumers of all queues", peers.check)

        def cpu() -> Counter[str]:
            return Counter({"stand-ins": sum(cpu_seconds(process.pid) for process in processes)})

        with _efforts(cpu, peers.cpu, scene) as efforts:
            for process in processes:
                assert process.stdin is not None
                process.stdin.write("go\n")
                process.stdin.flush()

            def check() -> None:
                peers.check()
                if any(process.poll() for process in processes):
                    raise RuntimeError("a stand-in has ended before its time")

            wait_until(lambda: all(result.exists() for result in results), "the stand-ins", check)
    finally:
        for process in processes:
            if not all(result.exists() for result in results):
                process.kill()
            process.wait()
    facts: list[dict[str, Any]] = [json.loads(result.read_text()) for result in results]
    # They are gone before anybody has looked.
    efforts.parts["stand-ins"] = sum(fact["cpu_seconds"] for fact in facts)
    return Played(
        seconds=max(fact["ended_at"] for fact in facts) - min(fact["began_at"] for fact in facts),
        cpu=dict(efforts.parts),
        machine_cpu=efforts.machine,
        taken=sum(fact["taken"] for fact in facts),
        published=sum(fact["published"] for fact in facts),
    )


def _keep_logs(folder: Path, logs: Path) -> None:
    logs.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.log"):
        shutil.copy(path, logs)


def show(turn: BrokerTurn, shards: int, console: Console) -> None:
    """Tables of one size."""
    about = (
        f"{turn.offers:,} offers of {turn.traders:,} traders, {shards} shards, {os.cpu_count()} CPUs, "
        f"Python {platform.python_version()}; {turn.traded:,} accounts traded"
    )
    phases = Table("part", "s", title=about)
    for name, seconds in turn.phases:
        phases.add_row(name, f"{seconds:.1f}")
    phases.add_row("[bold]in all[/]", f"{turn.seconds:.1f}")
    console.print(phases)
    efforts = Table("CPU of", "s, ours", "s, stand-ins", title="Who worked")
    theirs = turn.played.cpu if turn.played else {}
    for name, ours, played in _grouped(turn.cpu, theirs):
        efforts.add_row(name, f"{ours:.1f}", f"{played:.1f}" if theirs else "")
    played_machine = f"{turn.played.machine_cpu:.1f}" if turn.played else ""
    efforts.add_row("[bold]the whole machine[/]", f"{turn.machine_cpu:.1f}", played_machine)
    console.print(efforts)
    console.print(
        f"{turn.messages:,} messages were published: {sum(turn.sent.values()):,} by us, "
        f"{sum(turn.told.values()):,} by the peers; {turn.messages / turn.offers:.1f} for each offer, "
        f"{turn.messages / turn.seconds:,.0f} a second"
    )
    console.print(
        f"bodies of {turn.body_bytes / turn.messages:.0f} bytes; {turn.wal_bytes / turn.offers / 1024:.1f} KiB of "
        "database log for each offer; the largest tables of the shards: "
        + ", ".join(f"{name} {size / rows:,.0f} bytes a row ({rows:,})" for name, (rows, size) in turn.tables.items())
    )
    if turn.played is not None:
        console.print(
            f"ours took {turn.seconds:.1f} s, the stand-ins {turn.played.seconds:.1f} s for {turn.played.taken:,} "
            f"messages taken and {turn.played.published:,} published: {turn.of_stub:.2f} times "
            f"(wanted: at most {MOST_OF_STUB})"
        )
    for problem in turn.leftovers:
        console.print(f"[red]left over: {problem}[/]")


def _grouped(ours: dict[str, float], theirs: dict[str, float]) -> list[tuple[str, float, float]]:
    """The largest parts, and the rest as one."""
    names = sorted({*ours, *theirs}, key=lambda name: -max(ours.get(name, 0.0), theirs.get(name, 0.0)))
    shown = [(name, ours.get(name, 0.0), theirs.get(name, 0.0)) for name in names[:LARGEST_PARTS]]
    rest = names[LARGEST_PARTS:]
    others = sum(ours.get(name, 0.0) for name in rest), sum(theirs.get(name, 0.0) for name in rest)
    return [*shown, ("all others", *others)]


if __name__ == "__main__":
    sys.exit(main())

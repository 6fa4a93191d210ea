"""What so many accounts need, by slopes that were measured: the tables of docs/scaling.md.

Usage: python -m benchmarks.sizing [ACCOUNTS …] [--write]

`--write` puts the tables into docs/scaling.md. Everything that is not measured is an assumption, and stands in the
second table: change it here for yours.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

DOCUMENT = Path(__file__).parent.parent / "docs" / "scaling.md"
SIZES = (1_000_000, 100_000_000, 1_000_000_000)
GIB = 2**30


@dataclass(frozen=True, slots=True)
class Slope:
    """A number, what it is of, and the command that measures it; an assumption has none."""

    value: float
    what: str
    command: str = ""


TURN, LOAD = "make bench-turn", "python -m benchmarks.solver_load"
SOLVER = "make bench-solver"
ARCHIVE = "python -m benchmarks.archive"

MEASURED = {
    "messages": Slope(9.1, "messages that are published for an offer, by us and by the peers", TURN),
    "message_bytes": Slope(376, "bytes of the body of a transfer's message, on average", TURN),
    "account_bytes": Slope(
        790, "bytes that a shard keeps for an account, with indexes: its policy, and its lock", TURN
    ),
    "wal_bytes": Slope(9.4e3, "bytes that a worker's database logs for an offer", TURN),
    "broker_cpu": Slope(160e-6, "s, CPU of RabbitMQ for a message", TURN),
    "python_cpu": Slope(0.43e-3, "s, CPU of a worker's Python for an offer", TURN),
    "postgres_cpu": Slope(0.87e-3, "s, CPU of a worker's PostgreSQL for an offer", TURN),
    "solver_seconds": Slope(3e-6, "s, solving for an offer, from files to files", SOLVER),
    "solver_bytes": Slope(374, "bytes of the solver's memory for an offer", SOLVER),
    "exchange_seconds": Slope(
        17e-6, "s, reading, writing and committing at the solver's database for an offer", ARCHIVE
    ),
    "archive_bytes": Slope(34, "bytes of the archive for an offer and turn", ARCHIVE),
    "solver_rows": Slope(5.6, "rows at the solver's database for an offer and turn", LOAD),
    "solver_shard_rows": Slope(2.8, "rows there for a shard and a currency with collectors, and turn", LOAD),
    "shard_statements": Slope(14, "statements at the solver's database for a shard and turn", LOAD),
    "look_statements": Slope(10, "statements at the solver's database for a shard's look at the turns", LOAD),
    "look_seconds": Slope(2.6e-3, "s, time of the solver's database for such a look", LOAD),
}

ASSUMED = {
    "offers": Slope(0.45, "offers of an account in a turn, as in the sandbox's economies"),
    "currency_accounts": Slope(1000, "accounts of a currency"),
    "news": Slope(2, "messages about an account between two turns"),
    "window": Slope(2 * 3600, "s, in which the messages of a turn are to pass"),
    "busy": Slope(0.5, "share of the time for which a core may be busy"),
    "shard_accounts": Slope(4e6, "accounts of a shard at most"),
    "overhead_bytes": Slope(350, "bytes of a message's frames, headers and properties"),
    "copies": Slope(3, "nodes of a broker cluster, each of which writes every message"),
    "broker_cores": Slope(16, "cores of a broker's node"),
    "spare": Slope(3, "disk space as a multiple of what a shard keeps: dead rows, log, base backup"),
    "archived": Slope(30, "turns that are archived"),
    "solver_window": Slope(1800, "s, in which the solver is to be done"),
    "solver_memory": Slope(128 * GIB, "bytes of memory of a solver's machine"),
    "look_period": Slope(60, "s, from one look of a shard at the turns to the next"),
    "core_price": Slope(20.0, "dollars a month for a core"),
    "memory_price": Slope(3.0, "dollars a month for a GiB of memory"),
    "disk_price": Slope(0.12, "dollars a month for a GiB of disk"),
}  # fmt: skip


def value(name: str) -> float:
    """A slope or an assumption."""
    return (MEASURED.get(name) or ASSUMED[name]).value


@dataclass(frozen=True, slots=True)
class Needs:
    """What so many accounts need. Cores are those of all machines together; bytes of memory and disk, too."""

    accounts: int
    offers: float
    messages: float
    message_rate: float
    network_rate: float
    broker_clusters: int
    broker_cores: float
    shards: int
    shard_cores: float
    shard_memory: float
    shard_disk: float
    log_bytes: float
    solver_seconds: float
    solver_memory: float
    solver_parts: int
    solver_rows: float
    solver_statements: float
    looks_share: float
    archive_bytes: float
    dollars: float


def needs_of(accounts: int) -> Needs:
    """By the slopes."""
    offers = accounts * value("offers")
    messages = offers * value("messages") + accounts * value("news")
    rate = messages / value("window")
    # Each node of a cluster writes all messages of the cluster.
    node_cores = rate * value("broker_cpu") / value("busy")
    clusters = max(1, math.ceil(node_cores / value("broker_cores")))
    shards = 2 ** max(0, math.ceil(math.log2(accounts / value("shard_accounts"))))
    shard_cores = offers * (value("python_cpu") + value("postgres_cpu")) / value("window") / value("busy")
    shard_cores = max(shard_cores, 2.0 * shards)
    memory = accounts * value("account_bytes")
    disk = memory * value("spare")
    seconds = offers * (value("solver_seconds") + value("exchange_seconds"))
    solver_memory = offers * value("solver_bytes")
    parts = max(1, math.ceil(seconds / value("solver_window")), math.ceil(solver_memory / value("solver_memory")))
    archive = offers * value("archive_bytes") * value("archived")
    broker_cores = max(node_cores, 2.0) * value("copies")
    solver_cores = 4.0 * parts
    dollars = (
        value("core_price") * (broker_cores + 2 * shard_cores + 2 * solver_cores)
        + value("memory_price") / GIB * (2 * memory + 2 * solver_memory)
        + value("disk_price") / GIB * (2 * disk + 2 * archive)
    )
    return Needs(
        accounts=accounts,
        offers=offers,
        messages=messages,
        message_rate=rate,
        network_rate=rate * (value("message_bytes") + value("overhead_bytes")) * 2,
        broker_clusters=clusters,
        broker_cores=broker_cores,
        shards=shards,
        shard_cores=shard_cores,
        shard_memory=memory,
        shard_disk=disk,
        log_bytes=offers * value("wal_bytes"),
        solver_seconds=seconds,
        solver_memory=solver_memory,
        solver_parts=parts,
        solver_rows=offers * value("solver_rows")
        + shards * accounts / value("currency_accounts") * value("solver_shard_rows"),
        solver_statements=shards * value("shard_statements"),
        looks_share=shards * value("look_seconds") / value("look_period"),
        archive_bytes=archive,
        dollars=dollars,
    )


_ROWS: tuple[tuple[str, Callable[[Needs], str]], ...] = (
    ("accounts", lambda needs: f"{needs.accounts:,}"),
    ("offers of a turn", lambda needs: _short(needs.offers)),
    ("messages of a turn", lambda needs: _short(needs.messages)),
    ("messages a second", lambda needs: _short(needs.message_rate)),
    ("network at the brokers, bytes a second", lambda needs: _short(needs.network_rate)),
    ("broker clusters of three nodes", lambda needs: f"{needs.broker_clusters:,}"),
    ("their cores", lambda needs: f"{needs.broker_cores:,.0f}"),
    ("shards", lambda needs: f"{needs.shards:,}"),
    ("their cores", lambda needs: f"{needs.shard_cores:,.0f}"),
    ("their memory, if all accounts are to fit", lambda needs: f"{needs.shard_memory / GIB:,.0f} GiB"),
    ("their disks", lambda needs: f"{needs.shard_disk / GIB:,.0f} GiB"),
    ("what they log in a turn", lambda needs: f"{needs.log_bytes / GIB:,.1f} GiB"),
    ("solver, as one: seconds", lambda needs: f"{needs.solver_seconds:,.0f}"),
    ("memory", lambda needs: f"{needs.solver_memory / GIB:,.1f} GiB"),
    ("independent parts that keep it in time and memory", lambda needs: f"{needs.solver_parts:,}"),
    ("rows at its database in a turn", lambda needs: _short(needs.solver_rows)),
    ("statements of the shards there in a turn", lambda needs: _short(needs.solver_statements)),
    ("share of a core for the shards' looks", lambda needs: f"{needs.looks_share:.2f}"),
    ("archive of 30 turns", lambda needs: f"{needs.archive_bytes / GIB:,.1f} GiB"),
    ("money, with a standby for every database", lambda needs: f"{needs.dollars:,.0f} $ a month"),
)


def needs_table(sizes: Iterable[int] = SIZES) -> str:
    """One column for each number of accounts."""
    found = [needs_of(size) for size in sizes]
    return _table(("", *("" for _ in found)), [(name, *(show(needs) for needs in found)) for name, show in _ROWS])


def slopes_table() -> str:
    """What was measured, and how."""
    rows = [(slope.what, _figure(slope.value), f"`{slope.command}`") for slope in MEASURED.values()]
    return _table(("measured", "", "by"), rows)


def assumptions_table() -> str:
    """What was not."""
    return _table(("assumed", ""), [(slope.what, _figure(slope.value)) for slope in ASSUMED.values()])


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines) + "\n"


def _short(number: float) -> str:
    for size, name in ((1e9, " billion"), (1e6, " million")):
        if number >= size:
            return f"{number / size:,.1f}{name}"
    return f"{number:,.0f}"


def _figure(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


TABLES = {"needs": needs_table, "measured": slopes_table, "assumed": assumptions_table}


def written(text: str) -> str:
    """A document whose tables, each between two comments, are those of now."""
    for name, make in TABLES.items():
        before, begin, rest = text.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition(f"<!-- end of {name} -->")
        if not begin or not end:
            raise ValueError(f"no place for the table {name}")
        text = f"{before}{begin}{make()}{end}{after}"
    return text


def main() -> None:
    """Prints the tables, or writes them."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.sizing", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "accounts", type=int, nargs="*", default=SIZES, help="how many (default: those of the document)"
    )
    parser.add_argument("--write", action="store_true", help="put the tables into docs/scaling.md")
    options = parser.parse_args()
    if options.write:
        DOCUMENT.write_text(written(DOCUMENT.read_text()))
        return
    sys.stdout.write(needs_table(options.accounts) + "\n" + slopes_table() + "\n" + assumptions_table())


if __name__ == "__main__":
    main()

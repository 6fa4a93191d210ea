"""`make bench-bridge`: how fast messages get into a shard and out of it. Prints tables; raw figures are kept.

Usage: python -m benchmarks.bridge [--part inbound|outbound|outbox|applied|wakeup] [--messages N] [--outbox N]
       [--rate N] [--minutes N] [--samples N]

A private RabbitMQ and a private, durable PostgreSQL share the machine with the processes that are measured. All
messages are persistent. The rates of bare loops of the client library are taken in the same run.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from benchmarks import bridge_flow, bridge_processes
from benchmarks.bridge_flow import Flow
from benchmarks.worker_drain import DATABASE, RAW, Bench, machine
from sandbox.servers.broker import private_broker, server_script
from sandbox.servers.postgres import PrivateServer

PARTS = ("inbound", "outbound", "outbox", "applied", "wakeup")


def main() -> None:
    """Runs the parts asked for, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=PARTS, action="append", help="all parts unless given")
    parser.add_argument("--messages", type=int, default=200_000, help="messages of the parts inbound and outbound")
    parser.add_argument("--outbox", type=int, default=1_000_000, help="PrepareTransfers that two publishers send")
    parser.add_argument("--rate", type=int, default=11_000, help="ledger updates published a second")
    parser.add_argument("--minutes", type=float, default=5.0, help="how long they are published")
    parser.add_argument("--samples", type=int, default=200, help="questions to the idle system")
    options = parser.parse_args()
    parts = options.part or PARTS
    script = server_script()
    if script is None:
        raise SystemExit("no RabbitMQ server program was found: run `make system` as root")

    console = Console(width=140)
    results: dict[str, object] = {}
    with PrivateServer(durable=True) as server, private_broker(script) as url:
        Bench(server)
        dsn = server.database_url(DATABASE)
        flows = []
        if "inbound" in parts:
            flows += [bridge_flow.inbound(url, dsn, options.messages, quorum) for quorum in (False, True)]
        if "outbound" in parts:
            flows.append(bridge_flow.outbound(url, dsn, options.messages))
        if flows:
            results["flows"] = [{**asdict(flow), "share": flow.share} for flow in flows]
            console.print(_table(flows))
        if "outbox" in parts:
            seconds, cpu = bridge_flow.outbox(url, dsn, options.outbox)
            results["outbox"] = {"messages": options.outbox, "seconds": seconds, "cpu_seconds": cpu}
            rate = options.outbox / seconds
            console.print(f"two publishers sent {options.outbox:,} PrepareTransfers in {seconds:.1f} s ({rate:,.0f}/s)")
        if "applied" in parts:
            intervals = bridge_processes.applied(url, dsn, options.rate, 60 * options.minutes, console)
            results["applied"] = [asdict(interval) for interval in intervals]
            settled = intervals[len(intervals) // 4 :] or intervals
            mean = sum(interval.applied for interval in settled) / len(settled)
            growth = settled[-1].resident - settled[0].resident
            console.print(
                f"applied {mean:,.0f} ledger updates a second; the consumer's memory changed by {growth:.1f} MiB"
            )
        if "wakeup" in parts:
            found = bridge_processes.wake_up(url, dsn, options.samples)
            results["wakeup"] = asdict(found)
            console.print(
                f"question to answer: median {found.median:.1f} ms, nine of ten below {found.slowest_tenth:.1f} ms, "
                f"slowest {found.slowest:.1f} ms; idle CPU "
                + ", ".join(f"{name} {share:.1f} %" for name, share in found.idle_cpu_percent.items())
            )

    RAW.mkdir(exist_ok=True)
    path = RAW / f"bridge-{time.strftime('%Y%m%d-%H%M%S')}.json"
    path.write_text(json.dumps({"machine": machine(), "options": vars(options), "results": results}, indent=2) + "\n")
    console.print(f"raw figures: {path}")


def _table(flows: list[Flow]) -> Table:
    table = Table("what", "messages/s", "target", "CPU µs", "bare loop/s", "CPU µs", "share", title="Bridge")
    for flow in flows:
        table.add_row(
            flow.name,
            f"{flow.rate:,.0f}",
            f"{flow.target:,}",
            f"{flow.cpu:.1f}",
            f"{flow.bare_rate:,.0f}",
            f"{flow.bare_cpu:.1f}",
            f"{flow.share:.2f}",
        )
    return table


if __name__ == "__main__":
    main()

"""Who has worked how long: CPU seconds of processes, by what Linux says of them."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg

from sandbox.servers.installation import children

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[int]:
    """A process and all below it."""
    return [pid, *(member for child in children(pid) for member in family(child))]


def cpu_seconds(pid: int, *, with_ended_children: bool = False) -> float:
    """Of one process; 0 when it is gone."""
    fields = _stat(pid)
    return sum(map(int, fields[11 : 15 if with_ended_children else 13])) / TICKS_PER_SECOND if fields else 0.0


def cpu_seconds_below(pid: int) -> float:
    """Of a process and all below it."""
    return sum(cpu_seconds(member) for member in family(pid))


def cpu_by_command(pid: int, label: str) -> Counter[str]:
    """Of a server of ours, by the command that each of its processes runs: `label consume_messages` and so on."""
    found: Counter[str] = Counter()
    for child, arguments in _descendants(pid).items():
        words = arguments.split()
        command = words[words.index("admin.cli") + 1] if "admin.cli" in words[:-1] else "helpers"
        found[f"{label} {command}"] += cpu_seconds(child)
    found[f"{label} supervisor"] += cpu_seconds(pid)
    return found


def postgres_cpu(connection: psycopg.Connection[tuple[Any, ...]]) -> Counter[str]:
    """Of a PostgreSQL server, by what its processes are for; those that have ended count as `ended`."""
    found: Counter[str] = Counter()
    processes = connection.execute(
        "select pid, coalesce(datname || ' ', ''), coalesce(nullif(application_name, ''), backend_type)"
        " from pg_stat_activity"
    ).fetchall()
    (backend,) = connection.execute("select pg_backend_pid()").fetchone() or (0,)
    for pid, database, name in processes:
        found[f"{database}{name}".replace("swpt-trade ", "")] += cpu_seconds(pid)
    if fields := _stat(backend):
        postmaster = int(fields[1])
        found["ended"] += cpu_seconds(postmaster, with_ended_children=True)
    return found


def machine_cpu() -> float:
    """Seconds for which the CPUs of this machine have worked, whoever for."""
    user, nice, system, _idle, _wait, *rest = map(int, Path("/proc/stat").read_text().split()[1:9])
    return (user + nice + system + sum(rest)) / TICKS_PER_SECOND


def _descendants(pid: int) -> dict[int, str]:
    found = children(pid)
    for child in [*found]:
        found |= _descendants(child)
    return found


def _stat(pid: int) -> list[str]:
    """What /proc tells from the state on: parent at 1, times at 11 to 14."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []

"""`swpt-trade status`: how the installation does, in ten lines."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Any

import click

from admin.commands.collectors import solver_database
from admin.commands.tables import as_json as json_option
from admin.commands.tables import print_json

_LIMIT = 1_000_000
_PHASES = {1: "currency information", 2: "offers", 3: "giving and taking", 4: "done"}


@dataclass(slots=True)
class Status:
    """`lines`: a name and a sentence each; `problems`: what is wrong; `figures`: the same for programs."""

    lines: list[tuple[str, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)


@click.command()
@json_option
def status(as_json: bool) -> None:
    """Say in ten lines how the installation does.

    Needs SOLVER_POSTGRES_URL. Looks also into the worker databases in APP_WORKER_POSTGRES_URLS, or the one in
    WORKER_POSTGRES_URL, if there are any. Exits with status 1 when something is wrong.
    """
    from pipelines.texts import LONGEST_LINE, shown

    found = Status()
    with solver_database() as (solver, _):
        _look_at_turns(solver, found)
        _look_at_shards(solver, found)
        _look_at_collectors(solver, found)
    _look_at_workers(found)
    if as_json:
        print_json({**found.figures, "problems": found.problems})
    else:
        for name, text in found.lines:
            click.echo(f"{name:<12} {text}")
        for place, problem in enumerate(found.problems or ["nothing"]):
            click.echo(f"{'' if place else 'wrong':<12} {shown(problem, LONGEST_LINE)}")
    if found.problems:
        sys.exit(1)


def _look_at_turns(solver: Any, found: Status) -> None:
    rows = solver.execute(
        "select turn_id, phase, started_seconds_ago, deadline_seconds, overdue_seconds from solver.turn_figures()"
    ).fetchall()
    found.figures["turns"] = [
        {"turnId": turn, "phase": phase, "startedSecondsAgo": round(ago), "secondsLeft": left and round(left)}
        for turn, phase, ago, left, _ in rows
    ]
    if not rows:
        found.lines.append(("turn", "there has been none yet"))
    for turn, phase, ago, left, overdue in rows:
        rest = f", {duration(left)} left" if left is not None and left > 0 else ""
        found.lines.append(("turn", f"{turn}: phase {phase} ({_PHASES[phase]}){rest}; began {duration(ago)} ago"))
        # Giving and taking has no deadline.
        if overdue > 3600 or (phase < 3 and overdue > 600):
            found.problems.append(f"turn {turn} should have left phase {phase} {duration(overdue)} ago")
    last = solver.execute("select turn_id from solver.list_turns(null, 2) where phase >= 3 order by 1 desc").fetchone()
    if last is None:
        return
    row = solver.execute("select takings, currencies from solver.turn_statistics(%s)", ([last[0]],)).fetchone()
    takings, currencies = row or (0, 0)
    found.figures["lastResult"] = {"turnId": last[0], "takings": int(takings), "currencies": currencies}
    found.lines.append(("traded", f"in turn {last[0]}: {takings:,} takings in {currencies:,} currencies"))


def _look_at_shards(solver: Any, found: Status) -> None:
    seen = solver.execute(
        "select binding_key, extract(epoch from solver.now() - last_seen_at)::float8 from solver.list_shards()"
    ).fetchall()
    found.figures["shards"] = [{"bindingKey": key, "lastSeenSecondsAgo": round(ago)} for key, ago in seen]
    longest = f", last seen {duration(max(ago for _, ago in seen))} ago or less" if seen else ""
    found.lines.append(("shards", f"{len(seen)} have reported{longest}"))
    found.problems += [
        f"shards: {detail}" for (detail,) in solver.execute("select detail from solver.shard_problems()").fetchall()
    ]
    for reason, waited_for in solver.execute("select reason, waited_for from solver.step_back_status()").fetchall():
        found.problems.append(
            f"the solver's database has stepped back ({reason}); turns wait for {', '.join(waited_for) or 'nobody'}"
        )


def _look_at_collectors(solver: Any, found: Status) -> None:
    row = solver.execute("select currencies, pristine, requested, active, disabled from solver.count_all_collectors()")
    currencies, pristine, requested, active, disabled = row.fetchone()
    found.figures["collectors"] = {
        "currencies": currencies,
        "coming": pristine + requested,
        "active": active,
        "disabled": disabled,
    }
    found.lines.append(
        (
            "collectors",
            f"{active:,} active, {pristine + requested:,} coming, {disabled:,} disabled, of {currencies:,} currencies",
        )
    )


def _look_at_workers(found: Status) -> None:
    from admin.commands.worker_databases import look_into_all

    databases = look_into_all(_figures_of_worker)
    found.figures["workers"] = workers = []
    if not databases:
        found.lines.append(("workers", "not visible here: set APP_WORKER_POSTGRES_URLS or WORKER_POSTGRES_URL"))
        return
    total: dict[str, int] = {}
    oldest = 0.0
    for answer in databases:
        if isinstance(answer, str):
            found.problems.append(answer)
            continue
        workers.append(answer)
        oldest = max(oldest, answer["oldestSeconds"])
        for name, number in answer.items():
            if isinstance(number, int):
                total[name] = total.get(name, 0) + number
    if not workers:
        return
    age = f", the oldest for {duration(oldest)}" if total["inbox"] or total["outbox"] else ""
    found.lines.append(("workers", f"{len(workers)} databases looked into"))
    found.lines.append(("messages", f"{total['inbox']:,} wait to be applied, {total['outbox']:,} to be sent{age}"))
    set_aside = f"{total['setAside']:,} messages, {total['unroutable']:,} that no queue wanted"
    found.lines.append(("set aside", f"{set_aside}, {total['failed']:,} payments given up"))
    found.lines.append(("in doubt", f"{total['doubtful']:,} payments, {total['heldAccounts']:,} accounts"))
    for name, problem in _PROBLEMS.items():
        if total[name]:
            found.problems.append(problem.format(total[name]))


_PROBLEMS = {
    "setAside": "{:,} messages could not be applied: see the dashboard, or worker.set_aside",
    "doubtful": "{:,} payments are in doubt since a database stepped back: see `swpt-trade transfers held`",
    "lost": "{:,} payments came in for turns whose results are lost: see `swpt-trade transfers lost`",
    "unexplained": "{:,} collector accounts have tokens that nothing explains: see `swpt-trade transfers unexplained`",
    "heldAccounts": "{:,} accounts that nobody asked for have money: see `swpt-trade collectors held`",
    "misconfigured": "{:,} collector accounts are configured by somebody else as well",
    "lacking": "{:,} collector accounts are needed, and no authority has told of them for days",
}


def _figures_of_worker(worker: Any) -> dict[str, Any]:
    kinds = {
        kind: (int(messages), float(oldest))
        for kind, messages, oldest in worker.execute(
            "select kind, sum(messages), coalesce(max(oldest_seconds), 0) from worker.queue_figures(%s) group by kind",
            (_LIMIT,),
        )
    }
    held, misconfigured, lacking = worker.execute(
        "select held, misconfigured, lacking from worker.account_figures()"
    ).fetchone()
    doubtful, lost, unexplained = worker.execute(
        "select doubtful, lost, unexplained from worker.doubt_figures()"
    ).fetchone()
    return {
        "database": worker.info.dbname,
        "inbox": kinds.get("inbox", (0, 0.0))[0],
        "outbox": kinds.get("outbox", (0, 0.0))[0] + kinds.get("requests", (0, 0.0))[0],
        "setAside": kinds.get("set_aside", (0, 0.0))[0],
        "unroutable": kinds.get("unroutable", (0, 0.0))[0],
        "failed": kinds.get("failed", (0, 0.0))[0],
        "oldestSeconds": max(kinds.get(kind, (0, 0.0))[1] for kind in ("inbox", "outbox", "requests")),
        "doubtful": doubtful,
        "lost": lost,
        "unexplained": unexplained,
        "heldAccounts": held,
        "misconfigured": misconfigured,
        "lacking": lacking,
    }


def duration(seconds: float) -> str:
    """A time for people: `45 s`, `12 min`, `3 h`, `4 d`."""
    for limit, unit, size in ((120, "s", 1), (7200, "min", 60), (172_800, "h", 3600)):
        if seconds < limit:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"

"""What `swpt-trade import_databases` says, in words that somebody understands late in the evening."""

from __future__ import annotations

from admin.takeover.importing import Outcome, Part
from admin.takeover.staging import Table

_SEQUENCE = (
    "in the old worker database, before its workers start: "
    "select setval('coordinator_request_id_seq', (extract(epoch from now()) * 1000000)::bigint + 86400000000);"
)


def lines(outcome: Outcome, *, is_dry: bool) -> list[str]:
    """All there is to say, most important last."""
    said = []
    for part in outcome.parts:
        said += _about(part, is_dry=is_dry or bool(outcome.obstacles))
    if outcome.in_flight:
        said += ["", "Under way in the old worker database:"]
        said += [f"  {line}" for line in outcome.in_flight]
    if outcome.notes:
        said += ["", "To look at:"]
        said += [f"  {line}" for line in outcome.notes]
    said.append("")
    if outcome.obstacles:
        said.append("In the way:")
        for number, obstacle in enumerate(outcome.obstacles, 1):
            said += [f"  {number}. {obstacle.what}.", f"     {obstacle.remedy}"]
        said += ["", "Nothing was written."]
    elif is_dry:
        said += ["Nothing is in the way. Nothing was written.", *_way_back(outcome)]
    else:
        said += ["Both databases are imported.", *_way_back(outcome), *_next_steps()]
    return said


def _about(part: Part, *, is_dry: bool) -> list[str]:
    said = [f"Old {part.kind} database: {part.found or 'not found'}"]
    if part.imported_before is not None:
        return [*said, f"  Ours was {part.imported_before}. It is left as it is."]
    if not part.tables:
        return said
    said.append(f"  {'table':<28}{'found':>12}{'to be taken over' if is_dry else 'taken over':>18}{'left out':>12}")
    for table in part.tables:
        if table.found or table.taken:
            left = max(table.found - table.taken, 0)
            said.append(f"  {table.name:<28}{table.found:>12,}{table.taken:>18,}{left:>12,}")
    for table in part.tables:
        said += [f"  {line}" for line in _left_out(table)]
    if part.is_written and not is_dry:
        said.append("  Checked: as many rows as were found, less those left out" + _sums(part))
    return said


def _sums(part: Part) -> str:
    if part.kind == "solver":
        return "."
    return "; the same sums of principal in each currency; no row of another shard."


def _left_out(table: Table) -> list[str]:
    said = [f"{table.name}: {count:,} left out, {reason}" for reason, count in table.left_out.items()]
    if table.foreign:
        said.append(f"{table.name}: {table.foreign:,} left out, rows of other shards")
    if not table.is_obstacle:
        said += [f"{table.name}: left out, {line}" for line in table.broken]
    return said


def _way_back(outcome: Outcome) -> list[str]:
    if outcome.had_payments:
        return [
            "",
            "The way back: none once our workers start, because payments are under way, and both services would make "
            "them.",
            f"Until then, stop ours, and start the old service; {_SEQUENCE}",
        ]
    return [
        "",
        "The way back: the old tables stay as they are. Until our solver begins its first turn, stop ours, and start "
        "the old service;",
        _SEQUENCE,
        "From that turn on there is none, because both services would pay.",
    ]


def _next_steps() -> list[str]:
    return [
        "",
        "Next: import the databases of all other shards, start the workers, and look at `swpt-trade pending`, "
        "`swpt-trade collectors held` and `swpt-trade shards`; then start the solver.",
    ]

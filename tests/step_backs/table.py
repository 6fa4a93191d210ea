"""What many trials have found, kept in a file of JSON lines and shown as a table."""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from tests.step_backs.servers import KINDS
from tests.step_backs.trial import MOMENTS, Finding, Plan

HEADING = "## Databases that step back"

_TEXT = f"""{HEADING}

Databases are put back to a random moment of a turn by PostgreSQL's own means, after more was done and committed: a few
steps, or the rest of the turn. Then everybody starts again, messages go on, time passes, and an operator decides what
`swpt-trade transfers` asks him, knowing what the accounting authority knows. Two shards trade in three currencies with
two collectors each. "All" are the solver's database and both workers', each put back to another moment. In some trials
somebody kept a copy of what the queues get (a journal), and put it in once more. After each trial the next turn has to
trade in full, and nothing may be left. `make step-backs` makes trials, and this table of all of them.

* **tokens lost**: left a trader, reached nobody, and are on no list; they are on a collector's account. Not among them
  is what the database keeps for a turn that it does not know: it is listed as soon as a later turn begins. (Trials
  before there was the next column count that, too.)
* **unexplained**: left a trader, reached nobody, and are on the list of `swpt-trade transfers unexplained`; –: trials
  of a time when there was no such list, all of whose tokens are among the lost ones
* **in doubt**: payments that were held until it was certain what had become of them; **by hand**: an operator decided
* **received by hand**: payments to collectors that may have come in the lost time: an operator decided
* **refunded**: payments for a turn whose result is lost, paid back by hand
* **turns lost**: closed without trades, or without the result of some shard
* **seconds** from the return of the databases until the next turn could start: the median, and the longest

"""
_COLUMNS = (
    *("kind", "of", "moment", "times", "tokens lost", "unexplained", "paid twice"),
    *("in doubt", "by evidence", "by hand", "received by hand", "refunded", "turns lost", "seconds"),
)


def keep(path: Path, finding: Finding) -> None:
    with path.open("a") as file:
        file.write(json.dumps(asdict(finding)) + "\n")


def read(path: Path) -> list[Finding]:
    """All that were kept."""
    found = []
    for line in path.read_text().splitlines() if path.exists() else []:
        fields = json.loads(line)
        plan = fields.pop("plan")
        found.append(Finding(Plan(**plan | {"databases": tuple(plan["databases"])}), **fields))
    return found


def document(findings: Iterable[Finding]) -> str:
    """A part of `docs/faults.md`."""
    groups: defaultdict[tuple[str, str, str], list[Finding]] = defaultdict(list)
    for finding in findings:
        groups[finding.plan.kind, whose(finding.plan), finding.plan.moment].append(finding)
    order = {name: n for n, name in enumerate((*KINDS, *MOMENTS))}
    keys = sorted(groups, key=lambda key: (order[key[0]], key[1], order[key[2]]))
    rows = [_row(key, groups[key]) for key in keys]
    everything = [finding for group in groups.values() for finding in group]
    bad = [finding for finding in everything if finding.problems]
    lines = [f"* {finding.plan}: {'; '.join(finding.problems)}" for finding in bad]
    rows.append(_row(("all", "", ""), everything))
    end = [
        "",
        f"Of {len(everything)} trials {len(bad)} left what should not be left, or a next turn that did not trade. "
        "(Trials of earlier states of service and harness are not among them, and some of those did.)",
    ]
    heads = ["| " + " | ".join(_COLUMNS) + " |", "|---" * len(_COLUMNS) + "|"]
    return _TEXT + "\n".join([*heads, *rows, *end, *([""] if lines else []), *lines]) + "\n"


def whose(plan: Plan) -> str:
    """The databases in words."""
    what = "all" if len(plan.databases) > 1 else plan.databases[0].partition("_")[0]
    return what + (" with journal" if plan.keeps_journal else "")


def _row(key: tuple[str, str, str], group: list[Finding]) -> str:
    doubtful, decided = sum(f.doubtful for f in group), sum(f.decided for f in group)
    seconds = [f.seconds for f in group]
    looked = [f.unexplained_tokens for f in group if f.unexplained_tokens is not None]
    cells = [
        *key,
        len(group),
        f"{sum(f.lost_tokens for f in group):,}",
        f"{sum(looked):,}" if looked else "–",
        sum(f.paid_twice for f in group),
        doubtful,
        doubtful - decided,
        decided,
        sum(f.received for f in group),
        sum(f.refunded for f in group),
        sum(f.turns for f in group),
        f"{statistics.median(seconds):.1f}, {max(seconds):.1f}" if seconds else "",
    ]
    return "| " + " | ".join(map(str, cells)) + " |"

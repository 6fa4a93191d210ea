"""Puts databases back in time at random moments of turns: `python -m tests.step_backs --trials 48 --seed 1`."""

from __future__ import annotations

import argparse
import itertools
import logging
import random
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from tests.faults_document import write_part
from tests.step_backs.servers import KINDS
from tests.step_backs.table import document, keep, read, whose
from tests.step_backs.town import DATABASES, WORKERS, Town
from tests.step_backs.trial import MOMENTS, Finding, Plan, check_next_turn, run_trial


def main() -> int:
    """Returns the exit code: 1 when something was found that must not be."""
    parser = argparse.ArgumentParser(prog="python -m tests.step_backs", description=__doc__)
    parser.add_argument("--trials", type=int, default=48, help="how many; 48 are each kind and moment once")
    parser.add_argument(
        "--seed", type=int, default=1, help="the same seed gives the same trials, though not to the bit"
    )
    parser.add_argument("--kind", choices=list(KINDS), help="no other one")
    parser.add_argument("--keep", type=Path, help="add what is found to this file, as JSON lines")
    parser.add_argument("--save", type=Path, help="write the table of all that is in --keep to this document")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    findings = []
    for finding in _run(plans(options.seed, options.kind)[: options.trials]):
        findings.append(finding)
        if options.keep:
            keep(options.keep, finding)
    if options.save:
        write_part(options.save, document(read(options.keep) if options.keep else findings))
    return int(any(finding.problems for finding in findings))


def plans(seed: int, kind: str | None) -> list[Plan]:
    """Each kind with each moment, for the solver, a worker without and with a journal, and all; again and again."""
    dice = random.Random(seed)
    found = []
    for number in range(100):
        worker = dice.choice(WORKERS)
        ways = (("solver",), False), ((worker,), False), ((worker,), True), (DATABASES, dice.random() < 0.5)
        pairs = itertools.product([kind] if kind else KINDS, ways, MOMENTS)
        one_pass = [Plan(k, d, m, 1000 * seed + number, j) for k, (d, j), m in pairs]
        dice.shuffle(one_pass)
        found += one_pass
    return found


def _run(wanted: list[Plan]) -> Iterator[Finding]:
    with ExitStack() as closing:
        town: Town | None = None
        for number, plan in enumerate(wanted, 1):
            if town is None:
                town = closing.enter_context(Town())
                check_next_turn(town)
            began = time.monotonic()
            finding = Finding(plan)
            try:
                finding = run_trial(town, plan)
                check_next_turn(town)
            except Exception as error:
                finding.problems.append(f"{type(error).__name__}: {error}")
            if finding.problems:
                # What is left must not disturb others.
                closing.close()
                town = None
            print(f"{number:4} of {len(wanted)}  {time.monotonic() - began:5.1f} s  {_tell(finding)}", flush=True)
            yield finding


def _tell(finding: Finding) -> str:
    plan = finding.plan
    tokens = f"lost {finding.lost_tokens}, unexplained {finding.unexplained_tokens}"
    facts = f"{tokens}, in doubt {finding.doubtful}, by hand {finding.decided + finding.refunded}"
    return f"{plan.kind}, {whose(plan)}, {plan.moment} ({plan.seed}): {facts} {'; '.join(finding.problems)}"


if __name__ == "__main__":
    sys.exit(main())

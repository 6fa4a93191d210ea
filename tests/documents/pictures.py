"""The pictures in documents: a turn of the example, solved and drawn."""

from __future__ import annotations

import tempfile
from pathlib import Path

import polars as pl
from click.testing import CliRunner

from admin.cli import main
from pipelines.solver.load import load_directory
from reports.circle_drawing import Giving
from reports.peg_tree import Peg
from reports.picture import peg_drawing, picture, told_circle

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "pictures"
EXAMPLE = ROOT / "docs" / "example"

PEOPLE = {101: "Ada", 102: "Ben", 103: "Cleo", 104: "Dora"}
CURRENCIES = {1: "Town coin", 11: "Bakery coin", 12: "Workshop coin", 13: "Clinic coin"}


def _coins(amount: float, debtor_id: int) -> str:
    return f"{amount / 100:.2f} {CURRENCIES[debtor_id]}s"


def circle() -> str:
    """The largest circle of the example, as the solver finds it."""
    with tempfile.TemporaryDirectory(prefix="swpt-documents-") as folder:
        file = Path(folder) / "circles.csv"
        arguments = [
            "solve",
            str(ROOT / "docs" / "example"),
            f"{folder}/answer",
            "--circles",
            str(file),
            "--no-progress",
        ]
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0, result.output
        steps = pl.read_csv(file).filter(pl.col("circle") == 1).sort("step")
    rows = steps.select("creditor_id", "given_debtor_id", "given_amount").rows()
    return picture(told_circle([Giving(PEOPLE[who], _coins(amount, currency)) for who, currency, amount in rows]))


def pegs() -> str:
    """The currencies of the example, each below the one that it is pegged to."""
    rows = load_directory(EXAMPLE).currencies.select("debtor_id", "peg_debtor_id", "peg_exchange_rate").rows()
    found = []
    for debtor_id, peg, rate in rows:
        said = "the base: all values are counted in it"
        if peg is not None:
            said = f"is worth {rate:g} {CURRENCIES[peg]}{'s' if rate != 1.0 else ''}"
        found.append(Peg(debtor_id, peg, CURRENCIES[debtor_id], said))
    return picture(peg_drawing(found))


PICTURES = {"circle.svg": circle, "pegs.svg": pegs}
"""What makes each picture of docs/pictures."""

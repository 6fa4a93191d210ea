"""What operators see of the registry of shards."""

from __future__ import annotations

import pytest
from click.testing import CliRunner, Result

from admin.cli import main
from pipelines.turns.roll import _warn_of_shard_problems
from service.watching.figures import Figures
from tests.conftest import Connection
from tests.covering import covers
from tests.settings.environments import ENVIRONMENTS

REPORT = "select solver.report_shard(%s, 77, 1, %s::bigint, '1.2.3', 4096, 8191, %s)"


def url(solver: Connection) -> str:
    info = solver.info
    return f"postgresql://{info.user}@{info.host}:{info.port}/{info.dbname}"


def shards(solver: Connection) -> Result:
    return CliRunner().invoke(main, ["shards"], env={**ENVIRONMENTS["solver"], "SOLVER_POSTGRES_URL": url(solver)})


@covers("G47")
def test_shards_are_listed_with_their_ranges(solver_db: Connection) -> None:
    for number, key in enumerate(("0.#", "1.#")):
        solver_db.execute(REPORT, (key, number, 0.0))
    result = shards(solver_db)
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()[1:]
    assert [line.split()[0] for line in lines] == ["0.#", "1.#"]
    assert "1.2.3" in lines[0]
    assert "0x1000 … 0x1fff" in lines[0]
    assert "77, 1, 0" in lines[0]


@covers("G47")
def test_problems_of_shards_are_told(solver_db: Connection, caplog: pytest.LogCaptureFixture) -> None:
    """By the command, in the solver's log, and as metrics."""
    for key, database in (("0.#", 1), ("0.#", 2), ("0.#", 1), ("0.#", 2), ("0.1.#", 3)):
        solver_db.execute(REPORT, (key, database, 7.5))
    solver_db.execute("update solver.shard set retired_at = null")
    result = shards(solver_db)
    assert result.exit_code == 1
    said = [
        "doubled: 2 databases work with the key 0.#",
        "missing: nobody works for the keys 1.#",
        "overlapping: 0.1.# is a part of 0.#, and both work",
        "clock: the clock of 0.1.# is 7.5 s ahead of the solver's",
    ]
    for line in said:
        assert line in result.output
    _warn_of_shard_problems(solver_db)
    levels = {record.getMessage(): record.levelname for record in caplog.records}
    assert levels["shards: 2 databases work with the key 0.#"] == "ERROR"
    assert levels["shards: nobody works for the keys 1.#"] == "WARNING"

    samples = [sample for metric in Figures("solver", url(solver_db)).collect() for sample in metric.samples]
    problems = {s.labels["problem"]: s.value for s in samples if s.name == "swpt_trade_shard_problems"}
    assert problems == {"clock": 3, "doubled": 1, "missing": 1, "overlapping": 2, "range": 0, "silent": 0}
    clocks = {s.labels["shard"]: s.value for s in samples if s.name == "swpt_trade_clock_difference_seconds"}
    assert clocks == {"0.#": 7.5, "0.1.#": 7.5}

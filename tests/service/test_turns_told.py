"""What the solver says of its turns, and servers of themselves."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from pipelines.solver.report import Report
from pipelines.turns import roll
from pipelines.turns.roll import TurnsTick
from sandbox.servers.installation import Environment, run
from service.introduction import broker_place, database_place
from service.loop import Stop
from service.loops import run_loops
from service.parts import turns
from settings.config import load
from tests.databases import connection_to

REPORT = Report(
    traded_value=1.0,
    upper_bound=1.0,
    share_of_bound=1.0,
    traders_served=1,
    traders=1,
    offers=2,
    takings=1,
    givings=1,
    collector_transfers=0,
    left_out={"of a blocked currency": 3},
    warnings=["3 offers left out: of a blocked currency"],
    seconds={},
    peak_memory_bytes=0,
    untraded={},
)
NOTHING = replace(REPORT, offers=0, left_out={}, warnings=[])


def told(
    environment: Environment, reports: list[Report], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> list[str]:
    """What is logged at the default level of turns that are solved with these reports."""
    stop = Stop()
    ticks = [TurnsTick(reports={7 + number: report}, deleted=1) for number, report in enumerate(reports)]

    def advance(*_arguments: object) -> TurnsTick:
        if len(ticks) == 1:
            stop.request()
        return ticks.pop(0)

    monkeypatch.setattr(roll, "advance_turns", advance)
    config = load("solver", environment | {"TURN_CHECK_INTERVAL": "0.01"})
    assert run_loops(turns.solver_part(config, False), stop) == 0
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_turn_without_offers_after_one_with_some_is_told_of(
    environment: Environment, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (line,) = told(environment, [NOTHING, REPORT, NOTHING], monkeypatch, caplog)
    assert line.startswith("turn 9 had no offers, though earlier turns had some.")
    for cause in ("swpt-trade shards", "BASE_DEBTOR_INFO_LOCATOR", "TURN_PHASE2_DURATION"):
        assert cause in line


def test_a_solver_remembers_earlier_turns_when_it_is_started_again(
    environment: Environment, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with connection_to(environment["SOLVER_POSTGRES_URL"]) as solver:
        solver.execute(
            "insert into solver.turn (turn_id, started_at, base_debtor_info_locator, base_debtor_id,"
            " max_distance_to_base, min_trade_amount, phase, collection_started_at, collection_deadline)"
            " values (3, now(), 'x', 1, 1, 10, 4, now(), now())"
        )
        solver.execute("insert into solver.transfer_statistic values (3, 1, 1, 1, 1, 1, 0, 0, 1)")
    assert len(told(environment, [NOTHING], monkeypatch, caplog)) == 1


def test_what_went_wrong_in_a_turn_is_told_at_the_default_level(
    environment: Environment, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = replace(REPORT, warnings=["the locator of the base currency belongs to another debtor", *REPORT.warnings])
    assert told(environment, [wrong], monkeypatch, caplog) == [
        "turn 7: the locator of the base currency belongs to another debtor"
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("role", "command"), [("worker", "roll_worker_turns"), ("solver", "roll_turns")])
def test_a_server_says_what_it_is_and_on_what(role: str, command: str, environment: Environment) -> None:
    result = run(environment, command, "--quit-early")
    assert result.returncode == 0, result.stdout
    (line,) = (line for line in result.stdout.splitlines() if ":INFO:service.introduction:" + command in line)
    assert "swpt-trade 0." in line
    assert "on Python 3." in line
    with connection_to(environment["SOLVER_POSTGRES_URL"], autocommit=False) as solver:
        place = f"{solver.info.host}:{solver.info.port}/{solver.info.dbname}"
        number = solver.info.server_version
    assert f"solver database {place}" in line
    assert ("shard #" in line, "broker amqp://127.0.0.1:1" in line) == (role == "worker", role == "worker")
    assert "secret" not in result.stdout
    assert f"PostgreSQL {number // 10000}.{number % 10000}" in result.stdout


def test_places_have_no_passwords() -> None:
    assert database_place("postgresql://me:s3cret@a,b:1/db?password=s3cret&sslmode=require") == "a,b:,1/db"
    assert database_place("postgresql:///db") == "(local socket):5432/db"
    assert broker_place("amqps://me:s3cret@host/x") == "amqps://host:5671/x"
    assert broker_place("amqp://me:s3c,ret@a:1,b,c:3/x") == "amqp://a:1,b:5672,c:3/x"
    assert broker_place("amqp://me:123#cret@host/") == "?"
    assert broker_place("amqp://me:s3#cret@host:x/") == "?"

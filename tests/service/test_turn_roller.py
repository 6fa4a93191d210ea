"""A worker that neither consumes, sends, fetches nor triggers: others do, it rolls the turns."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.servers.installation import Environment, eventually, server
from tests.covering import covers
from tests.databases import connection_to

pytestmark = pytest.mark.slow

ROLES = ("PROTOCOL_BROKER", "INTERNAL_BROKER", "FLUSH", "HTTP_FETCH", "TRIGGER_TRANSFERS")
NO_PROCESSES = {f"{role}_PROCESSES": "0" for role in ROLES}
QUICK = {
    "TURN_PERIOD": "10s",
    "TURN_PERIOD_OFFSET": "0",
    "TURN_PHASE1_DURATION": "1s",
    "TURN_PHASE2_DURATION": "2s",
    "TURN_CHECK_INTERVAL": "0.3s",
    "APP_ROLL_WORKER_TURNS_WAIT": "0.3",
    "APP_TURN_PHASE_CUSHION_PERIOD": "0.5s",
    "INTERNAL_BROKER_URL": "amqp://guest:secret@127.0.0.1:2",
}


@covers("V14.52")
def test_a_worker_without_other_processes_takes_part_in_an_empty_turn(environment: Environment, tmp_path: Path) -> None:
    """No broker is there, and none is missed."""

    def turns() -> set[tuple[int, int]]:
        with connection_to(environment["WORKER_POSTGRES_URL"], autocommit=False) as worker:
            rows = worker.execute("select phase, worker_turn_subphase from worker.worker_turn").fetchall()
            return {(row[0], row[1]) for row in rows}

    with (
        server(environment | QUICK | NO_PROCESSES, tmp_path, "worker") as worker,
        server(environment | QUICK, tmp_path, "solver"),
    ):
        eventually(lambda: (3, 10) in turns(), "the worker's turn has ended")
        assert "ERROR" not in worker.text(), worker.text()

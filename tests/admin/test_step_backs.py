"""What operators decide when the solver's database has stepped back in time."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from click.testing import CliRunner, Result

from admin.cli import main
from service.watching.figures import Figures
from tests.conftest import Connection
from tests.settings.environments import ENVIRONMENTS
from tests.sql.transfers.rows import add_account, set_clock
from tests.sql.turns.rows import insert, insert_turn, insert_worker_turn, rows

COLLECTOR = 0x10000000000
MOMENT = "2026-03-01T12:00:00Z"


def url(connection: Connection) -> str:
    info = connection.info
    return f"postgresql://{info.user}@{info.host}:{info.port}/{info.dbname}"


def run(connection: Connection, *arguments: str) -> Result:
    kind = "solver" if "solver" in connection.info.dbname else "worker"
    urls = {f"{kind.upper()}_POSTGRES_URL": url(connection)}
    return CliRunner().invoke(main, arguments, env={**ENVIRONMENTS[kind], **urls})


def figure(connection: Connection, role: str, name: str) -> float:
    samples = [sample for metric in Figures(role, url(connection)).collect() for sample in metric.samples]
    return float(next(sample.value for sample in samples if sample.name == f"swpt_trade_{name}"))


def test_turns_are_resumed_by_hand(solver_db: Connection) -> None:
    assert "nothing to resume" in run(solver_db, "turns", "resume", "--above", "7").output
    insert_turn(solver_db, 2)
    solver_db.execute("select solver.report_shard('0.#', 7, 1, 5::bigint, '1.2.3', 1, 9, 0)")
    assert figure(solver_db, "solver", "solver_stepped_back") == 0
    solver_db.execute("select solver.notice_step_back('it was promoted')")
    assert figure(solver_db, "solver", "solver_stepped_back") == 1
    told = run(solver_db, "shards")
    assert told.exit_code == 1
    assert "it was promoted; turns wait for reports of 0.#, 1.#" in " ".join(told.output.split())
    result = run(solver_db, "turns", "resume", "--above", "7")
    assert (result.exit_code, result.output) == (0, "turns go on with IDs above 7\n")
    assert rows(solver_db, "select position('@' in resolved_by) > 0 from solver.step_back") == [(True,)]
    assert "stepped back" not in run(solver_db, "shards").output
    assert figure(solver_db, "solver", "solver_stepped_back") == 0


def test_lost_payments_are_listed_and_refunded(worker_db: Connection) -> None:
    insert_worker_turn(worker_db, 2, 10, 5)
    worker_db.execute("select worker.forget_turns('{5}')")
    assert run(worker_db, "transfers", "lost").exit_code == 0
    row = {"turn_id": 5, "debtor_id": 666, "collector_id": COLLECTOR, "inserted_at": MOMENT}
    for kind, payer, amount in (("collecting", 77, 1000), ("sending", COLLECTOR + 1, 500)):
        insert(worker_db, "worker.early_arrival", {**row, "kind": kind, "other_id": payer, "amount": amount})
    assert figure(worker_db, "worker", "lost_payments") == 2

    result = run(worker_db, "transfers", "lost")
    assert result.exit_code == 1
    assert [line.split()[:6] for line in result.output.splitlines()[1:]] == [
        ["5", "666", str(COLLECTOR), "77", "seller", "1000"],
        ["5", "666", str(COLLECTOR), str(COLLECTOR + 1), "collector", "500"],
    ]
    assert len(run(worker_db, "transfers", "refund", "5", "--dry-run").output.splitlines()) == 3
    assert len(run(worker_db, "transfers", "refund", "6", "--dry-run").output.splitlines()) == 1
    assert rows(worker_db, "select * from worker.transfer_attempt") == []
    assert run(worker_db, "transfers", "refund", "5").output.startswith("2 payments are being made")
    assert run(worker_db, "transfers", "refund", "5").output.startswith("0 payments are being made")
    assert rows(worker_db, "select sum(nominal_amount) from worker.transfer_attempt") == [(1500.0,)]
    result = run(worker_db, "transfers", "lost")
    assert result.exit_code == 0
    assert " by " in result.output
    assert figure(worker_db, "worker", "lost_payments") == 0


def test_unexplained_tokens_are_listed_and_settled(worker_db: Connection) -> None:
    assert run(worker_db, "transfers", "unexplained").exit_code == 0
    assert figure(worker_db, "worker", "unexplained_accounts") == 0
    set_clock(worker_db, datetime.now(UTC))
    add_account(worker_db)
    worker_db.execute("update worker.worker_account set principal = 1070")
    noted = {"noticed_at": MOMENT, "creation_date": "2026-01-01", "known_transfer_number": 4, "surplus": 70}
    found = {"concluded_at": MOMENT, "unseen_transfers": 2, "leaves": 4, "unexplained": 1000}
    key = {"creditor_id": COLLECTOR, "debtor_id": 666}
    insert(worker_db, "worker.account_at_step_back", {**key, **noted, **found})
    assert figure(worker_db, "worker", "unexplained_accounts") == 1

    result = run(worker_db, "transfers", "unexplained")
    assert result.exit_code == 1
    (line,) = result.output.splitlines()[1:]
    assert line.split()[:7] == ["666", str(COLLECTOR), "collector-account", "1070", "70", "1000", "2"]
    (found,) = json.loads(run(worker_db, "transfers", "unexplained", "--json").output)
    assert (found["debtorId"], found["unexplained"], found["settledAt"]) == ("666", 1000, None)
    result = run(worker_db, "transfers", "unexplained", "--settled", "666", "0x10000000000", "--by", "ann")
    assert (result.exit_code, result.output) == (0, "1000 tokens are settled\n")
    result = run(worker_db, "transfers", "unexplained", "--settled", "666", str(COLLECTOR))
    assert (result.exit_code, result.output) == (1, f"Error: nothing is listed of 666 and {COLLECTOR}\n")
    result = run(worker_db, "transfers", "unexplained")
    assert result.exit_code == 0
    assert " ann" in result.output
    assert figure(worker_db, "worker", "unexplained_accounts") == 0

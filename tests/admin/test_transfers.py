"""What operators do on the command line about payments in doubt."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner, Result

from admin.cli import main
from tests.conftest import Connection
from tests.settings.environments import ENVIRONMENTS
from tests.sql.transfers.rows import (
    BUYER,
    COLLECTOR,
    DEBTOR,
    STATES,
    TURN,
    add_account,
    add_attempt,
    add_payment,
    attempt,
    rows,
    set_clock,
)

Command = Callable[..., Result]
KEY = (str(TURN), str(DEBTOR), str(COLLECTOR), str(BUYER))


@pytest.fixture
def transfers(worker_db: Connection) -> Command:
    """Runs `swpt-trade transfers …` on a database that has just stepped back with one payment to a buyer."""
    info = worker_db.info
    environment = {
        **ENVIRONMENTS["worker"],
        "WORKER_POSTGRES_URL": f"postgresql://{info.user}@{info.host}:{info.port}/{info.dbname}",
    }
    # The command's session has the clock of the server.
    set_clock(worker_db, datetime.now(UTC) - timedelta(days=5))
    add_attempt(worker_db, **STATES["initiated"])
    worker_db.execute("select worker.notice_step_back()")
    worker_db.execute("update worker.life set timeline_id = timeline_id + 1")
    worker_db.execute("select worker.notice_step_back()")
    return lambda *arguments: CliRunner().invoke(main, ["transfers", *arguments], env=environment)


def test_payments_in_doubt_are_listed(transfers: Command) -> None:
    result = transfers("held")
    assert result.exit_code == 0, result.output
    (line,) = result.output.splitlines()[1:]
    assert line.split()[:6] == [str(TURN), str(DEBTOR), str(COLLECTOR), str(BUYER), "buyer", "500"]


@pytest.mark.parametrize(("decision", "said"), [("paid", "it counts as paid"), ("again", "it is tried again")])
def test_a_payment_is_decided_about_once(transfers: Command, worker_db: Connection, decision: str, said: str) -> None:
    result = transfers("decide", *KEY, decision, "--by", "me")
    assert (result.exit_code, result.output) == (0, said + "\n")
    assert (attempt(worker_db, "held_at") is None) == (decision == "paid")
    assert rows(worker_db, "select decided_by from worker.transfer_decision") == [("me",)]
    result = transfers("decide", *KEY, decision)
    assert result.exit_code == 1
    assert "no such payment is in doubt here" in result.output


def test_after_a_planned_change_everything_goes_on(transfers: Command, worker_db: Connection) -> None:
    assert transfers("nothing-lost").exit_code == 1
    assert transfers("nothing-lost", "--yes").output == "1 payments go on\n"
    assert attempt(worker_db, "held_at") == (None,)


def test_payments_that_may_have_come_are_listed_and_decided_about(transfers: Command, worker_db: Connection) -> None:
    add_account(worker_db)
    add_payment(worker_db, "collecting", BUYER, 800)
    assert transfers("expected").exit_code == 0
    worker_db.execute("update worker.worker_account set last_transfer_number = 1")
    result = transfers("expected")
    assert result.exit_code == 1, result.output
    (line,) = result.output.splitlines()[1:]
    assert line.split() == [str(TURN), str(DEBTOR), str(COLLECTOR), str(BUYER), "seller", "800"]
    result = transfers("received", *KEY, "came", "--by", "me")
    assert (result.exit_code, result.output) == (0, "it counts as received\n")
    assert rows(worker_db, "select collected, amount from worker.worker_collecting") == [(True, 800)]
    assert rows(worker_db, "select decision, decided_by from worker.transfer_decision") == [("has come", "me")]
    assert transfers("received", *KEY, "never").exit_code == 1

"""What operators do with collector accounts on the command line."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from admin.cli import main
from sql import Kind
from tests.conftest import Connection
from tests.covering import covers
from tests.settings.environments import ENVIRONMENTS
from tests.sql.messages import COLLECTOR, apply, message
from tests.sql.outgoing import sent

Command = Callable[..., Result]
NewDatabase = Callable[[Kind], str]


def url_of(db: Connection) -> str:
    return f"postgresql://{db.info.user}@{db.info.host}:{db.info.port}/{db.info.dbname}"


@pytest.fixture
def collectors(solver_db: Connection) -> Command:
    """Runs `swpt-trade collectors …` on the solver database."""
    environment = {**ENVIRONMENTS["solver"], "SOLVER_POSTGRES_URL": url_of(solver_db), "MIN_COLLECTOR_ID": "1000"}
    environment["MAX_COLLECTOR_ID"] = "2000"
    return lambda *arguments: CliRunner().invoke(main, ["collectors", *arguments], env=environment)


def output(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.output


@covers("G20")
def test_a_collector_is_added_listed_and_removed(collectors: Command, solver_db: Connection) -> None:
    assert output(collectors("add", "666", "--count", "2")).startswith("2 collectors created")
    assert output(collectors("add", "0x29a", "--count", "2")).startswith("0 collectors created")
    solver_db.execute("update solver.collector_account set status = 2, account_id = 'acc' where collector_id = 1182")

    listed = output(collectors("list", "666")).splitlines()
    assert [line.split()[:3] for line in listed[1:]] == [["666", "1182", "active"], ["666", "1749", "pristine"]]

    assert output(collectors("remove", "666", "1749")) == "the collector is disabled now\n"
    assert output(collectors("remove", "666", "1749")) == "the collector was disabled before\n"
    assert "which is blocked now" in output(collectors("remove", "666", "1182"))
    solver_db.execute("update solver.collector_account set removal = 'stranded' where collector_id = 1182")
    listed = output(collectors("list")).splitlines()
    assert [line.split()[:4] for line in listed[1:]] == [
        ["666", "(blocked)", "1182", "disabled"],
        ["666", "(blocked)", "1749", "disabled"],
    ]
    assert "stranded" in listed[1]


@covers("G20")
def test_a_currency_is_blocked_and_unblocked(collectors: Command) -> None:
    assert output(collectors("block", "18446744073709551615")) == "the currency is blocked now\n"
    assert output(collectors("block", "0xffffffffffffffff")) == "the currency was blocked before\n"
    assert output(collectors("list")).splitlines()[1].split() == ["18446744073709551615", "(blocked)", "none"]
    assert output(collectors("unblock", "18446744073709551615")) == "the currency is unblocked now\n"
    assert output(collectors("unblock", "18446744073709551615")) == "the currency was unblocked before\n"


def test_negative_ids_as_logs_show_them(collectors: Command) -> None:
    assert output(collectors("block", "-1")) == "the currency is blocked now\n"
    assert output(collectors("add", "-1", "--count", "1")).startswith("1 collectors created")
    assert output(collectors("list", "-1")).splitlines()[1].split()[0] == "18446744073709551615"
    assert "there is no such collector" in collectors("remove", "-1", "-2").output
    assert "unexpected extra argument" in collectors("add", "-1", "--cuont", "1").output


@covers("G20")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("remove", "666", "1182"), "there is no such collector\ndebtor 666, collector 1182\n"),
        (("add", "0"), "debtor 0 is reserved"),
        (("add", "666", "--count", "1000"), "too few free collector IDs"),
        (("add", "abc"), "'abc' is not a decimal or 0x hexadecimal ID of 64 bits"),
        (("block", "0"), "debtor 0 is no currency"),
    ],
)
def test_mistakes_are_explained(collectors: Command, arguments: tuple[str, ...], said: str) -> None:
    result = collectors(*arguments)
    assert result.exit_code != 0
    assert said in result.output


def test_collectors_without_the_solvers_environment() -> None:
    result = CliRunner().invoke(main, ["collectors", "list"], env={"SOLVER_POSTGRES_URL": ""})
    assert result.exit_code == 1
    assert "SOLVER_POSTGRES_URL" in result.output


@pytest.fixture
def held_accounts(worker_db: Connection) -> Command:
    """Runs `swpt-trade collectors …` on a worker database, where an account with 5000 tokens is held."""
    apply(worker_db, message("AccountUpdate", principal=5000, ts="2999-01-01T00:00:00Z"))
    judged = "select * from worker.judge_unknown_accounts('{666}', array[%s], '{false}')"
    assert len(worker_db.execute(judged, (COLLECTOR,)).fetchall()) == 1
    environment = {**ENVIRONMENTS["worker"], "WORKER_POSTGRES_URL": url_of(worker_db)}
    return lambda *arguments: CliRunner().invoke(main, ["collectors", *arguments], env=environment)


@covers("G43")
def test_held_accounts_are_listed(held_accounts: Command) -> None:
    result = held_accounts("held")
    assert result.exit_code == 1
    (line,) = result.output.splitlines()[1:]
    assert line.split()[:8] == ["666", str(COLLECTOR), "held", "there", "is", "money", "on", "it"]
    assert line.split()[8] == "5000"


@covers("G43")
def test_a_held_account_is_adopted(held_accounts: Command, worker_db: Connection) -> None:
    assert output(held_accounts("adopt", "666", str(COLLECTOR))).startswith("the account is a collector now")
    assert [order["config_flags"] for order in sent(worker_db, "ConfigureAccount")] == [0]
    assert len(output(held_accounts("held")).splitlines()) == 1
    assert "no such account is held here" in held_accounts("adopt", "666", str(COLLECTOR)).output


@covers("G43")
def test_a_held_account_is_discarded(held_accounts: Command, worker_db: Connection) -> None:
    refused = held_accounts("discard", "666", str(COLLECTOR))
    assert refused.exit_code == 1
    assert "there is more money on this account" in refused.output
    assert sent(worker_db, "ConfigureAccount") == []
    assert output(held_accounts("discard", "666", str(COLLECTOR), "--give-away", "5000")).endswith("the account\n")
    ((flags, amount),) = [(o["config_flags"], o["negligible_amount"]) for o in sent(worker_db, "ConfigureAccount")]
    assert (flags, amount) == (1, 5000)
    assert "discarding" in output(held_accounts("held"))


@covers("G43")
@pytest.mark.usefixtures("held_accounts")
def test_the_database_of_the_right_shard_is_found(worker_db: Connection, new_database: NewDatabase) -> None:
    urls = f"{new_database('worker')} {url_of(worker_db)}"
    environment = {**ENVIRONMENTS["worker"], "APP_WORKER_POSTGRES_URLS": urls}
    result = CliRunner().invoke(main, ["collectors", "adopt", "666", str(COLLECTOR)], env=environment)
    assert "is a collector now" in output(result)

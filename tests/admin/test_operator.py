"""Commands that change something say who did it."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Callable
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from admin.cli import main
from admin.commands.operator import operator_name
from tests.conftest import Connection
from tests.settings.environments import ENVIRONMENTS

Command = Callable[..., Result]


@pytest.fixture
def run(solver_db: Connection, worker_db: Connection) -> Command:
    """Runs `swpt-trade …` on both databases."""
    urls = {
        f"{kind.upper()}_POSTGRES_URL": f"postgresql://{db.info.user}@{db.info.host}:{db.info.port}/{db.info.dbname}"
        for kind, db in (("solver", solver_db), ("worker", worker_db))
    }
    environment = {**ENVIRONMENTS["solver"], **urls, "MIN_COLLECTOR_ID": "1000", "MAX_COLLECTOR_ID": "2000"}
    return lambda *arguments: CliRunner().invoke(main, [*arguments], env=environment)


def actions(db: Connection) -> list[tuple[Any, ...]]:
    query = "select done_by, action, database_user from solver.list_actions(null, null, 10)"
    return db.execute(query).fetchall()


def held(worker: Connection) -> None:
    worker.execute(
        "insert into worker.unknown_account (creditor_id, debtor_id, status, reason, principal, interest, account_id,"
        " first_reported_at, reported_at, creation_date, last_change_ts, last_config_ts, config_flags,"
        " negligible_amount) values (1099511627776, 7, 'held', 'money', 500, 0, 'x', now(), now(), now(), now(),"
        " now(), 0, 0)"
    )


def test_every_change_of_the_solvers_database_has_the_name_of_who_made_it(run: Command, solver_db: Connection) -> None:
    for number, arguments in enumerate(
        (
            ("collectors", "add", "666", "--count", "1"),
            ("collectors", "block", "666"),
            ("collectors", "unblock", "666"),
            ("collectors", "remove", "666", "1182"),
            ("turns", "start"),
        )
    ):
        result = run(*arguments, "--by", f" anna {number} ")
        assert result.exit_code == 0, result.output
    me = solver_db.info.user
    assert actions(solver_db) == [
        ("anna 4", "started a turn", me),
        ("anna 3", "blocked a currency", me),
        ("anna 3", "removed a collector", me),
        ("anna 2", "unblocked a currency", me),
        ("anna 1", "blocked a currency", me),
        ("anna 0", "added collectors", me),
    ]


@pytest.mark.parametrize(("command", "action"), [("adopt", "adopted an account"), ("discard", "discarded an account")])
def test_decisions_about_accounts_have_it_too(run: Command, worker_db: Connection, command: str, action: str) -> None:
    held(worker_db)
    result = run(
        "collectors", command, "7", "1099511627776", "--by", "anna", *(["--give-away", "500"] * (command == "discard"))
    )
    assert result.exit_code == 0, result.output
    query = "select done_by, action from worker.list_actions(null, null, 10)"
    assert worker_db.execute(query).fetchall() == [("anna", action)]


def test_without_a_name_it_is_who_is_logged_in_before_sudo(
    run: Command, solver_db: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SUDO_USER", raising=False)
    monkeypatch.setattr(getpass, "getuser", lambda: "root")
    assert operator_name() == f"root@{socket.gethostname()}"
    monkeypatch.setenv("SUDO_USER", "anna")
    assert run("collectors", "block", "666").exit_code == 0
    assert actions(solver_db)[0][0] == f"anna@{socket.gethostname()}"


def test_a_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def getuser() -> str:
        raise KeyError

    monkeypatch.delenv("SUDO_USER", raising=False)
    monkeypatch.setattr(getpass, "getuser", getuser)
    assert operator_name().startswith("user ")


@pytest.mark.parametrize("name", ["", "  ", "x" * 201])
def test_no_name_and_a_novel_are_refused(run: Command, solver_db: Connection, name: str) -> None:
    result = run("collectors", "block", "666", "--by", name)
    assert result.exit_code == 2
    assert "a name has 1 to 200 characters" in result.output
    assert actions(solver_db) == []


def test_every_command_for_operators_that_changes_a_database_has_the_option() -> None:
    expected = {
        "collectors": {"add", "remove", "block", "unblock", "adopt", "discard"},
        "turns": {"start", "resume"},
        "transfers": {"decide", "received", "nothing-lost", "refund", "unexplained"},
    }
    for name, commands in expected.items():
        group = main.get_command(click.Context(main), name)
        assert isinstance(group, click.Group)
        with_option = {
            command.name
            for command in group.commands.values()
            if any(parameter.name == "by" for parameter in command.params)
        }
        assert with_option == commands, name

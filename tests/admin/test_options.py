"""Options and the environment: what comes from where, and how little a command needs."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click
from click.testing import CliRunner

from admin.cli import main
from admin.commands.options import secret_option
from settings.config import LOAD_POLICIES_SECRETS
from tests.settings.environments import ENVIRONMENTS


def test_a_secret_of_an_option_may_be_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret\n")
    seen: list[str | None] = []
    option = secret_option("--token", variable="LOAD_POLICIES_TOKEN", what="A token.")
    command = click.command()(option(lambda token: seen.append(token)))
    for environ, arguments, expected in (
        ({"LOAD_POLICIES_TOKEN_FILE": f"{tmp_path}/token"}, [], "s3cret"),
        ({"LOAD_POLICIES_TOKEN": " other\n"}, [], "other"),
        ({"LOAD_POLICIES_TOKEN_FILE": "/nowhere"}, ["--token", "own"], "own"),
        ({"LOAD_POLICIES_TOKEN": ""}, [], None),
    ):
        result = CliRunner().invoke(command, arguments, env=environ)
        assert (result.exit_code, seen.pop()) == (0, expected), result.output
    for environ in (
        {"LOAD_POLICIES_TOKEN_FILE": "/nowhere"},
        {"LOAD_POLICIES_TOKEN": "x", "LOAD_POLICIES_TOKEN_FILE": "x"},
    ):
        result = CliRunner().invoke(command, env=environ)
        assert (result.exit_code, "LOAD_POLICIES_TOKEN_FILE=" in result.output) == (2, True)


def test_an_option_wins_over_a_file() -> None:
    environ = ENVIRONMENTS["worker"] | {"PROTOCOL_BROKER_URL_FILE": "/nowhere"}
    result = CliRunner().invoke(main, ["consume_messages", "-p", "-1", "-u", "amqp://x"], env=environ)
    assert "PROTOCOL_BROKER_PROCESSES='-1'" in result.output
    assert "/nowhere" not in result.output


def test_every_option_of_the_load_of_policies_is_known() -> None:
    """So that it is not taken for a misspelt setting."""
    callbacks = [option.callback for option in main.commands["load_policies"].params]
    secrets = [callback.args[0] for callback in callbacks if isinstance(callback, partial)]
    assert secrets == list(LOAD_POLICIES_SECRETS)


def test_commands_that_look_need_only_their_database() -> None:
    nowhere = {"SOLVER_POSTGRES_URL": "postgresql://127.0.0.1:1/x", "WORKER_POSTGRES_URL": "postgresql://127.0.0.1:1/x"}
    for arguments, name in (
        (["pending"], "WORKER_POSTGRES_URL"),
        (["collectors", "held"], "WORKER_POSTGRES_URL"),
        (["collectors", "list"], "SOLVER_POSTGRES_URL"),
        (["shards"], "SOLVER_POSTGRES_URL"),
    ):
        environ = dict.fromkeys(nowhere, "") | {name: nowhere[name], "FLUSH_PERIOD": "x", "TURN_PERIOD": "x"}
        result = CliRunner().invoke(main, arguments, env=environ)
        assert (result.exit_code, "onnect" in result.output) == (1, True), result.output

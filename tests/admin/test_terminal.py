"""What commands print has texts from outside in it."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from admin.cli import main
from admin.commands.tables import print_table

NASTY = "[red]x[/red]\x1b[2J\u202e\nFATAL"
HARMLESS = r"[red]x[/red]\x1b[2J\u202e\nFATAL"


def test_cells_of_tables_are_neither_markup_nor_speak_to_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("a", "b"), [(NASTY, "1")])
    assert HARMLESS in capsys.readouterr().out


def test_errors_of_commands_neither_tell_passwords_nor_speak_to_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object) -> None:
        raise click.ClickException("no amqp://u:s3cret@host\n\x1b[2J\u202e")

    monkeypatch.setattr(main.commands["pending"], "invoke", fail)
    done = CliRunner().invoke(main, ["pending"])
    assert (done.exit_code, done.output) == (1, "Error: no amqp://u:***@host\n\\x1b[2J\\u202e\n")

"""Commands that are imported only when somebody runs them or asks for help, so that the others start quickly."""

from __future__ import annotations

from importlib import import_module

import click
import cloup

from admin.commands.sections import TOOLS

LAZY_COMMANDS = {
    "collectors": "admin.commands.collectors:collectors",
    "health": "admin.commands.metrics:health",
    "load_policies": "admin.commands.load_policies:load_policies",
    "sandbox": "sandbox.commands:sandbox",
    "shards": "admin.commands.shards:shards",
    "serve_metrics": "admin.commands.metrics:serve_metrics",
}
"""Where each command is: module, colon, name in the module."""


class LazyGroup(cloup.Group):
    """A group with commands of its own and those of LAZY_COMMANDS."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands."""
        return sorted({*super().list_commands(ctx), *LAZY_COMMANDS})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, imported now if need be."""
        if cmd_name not in LAZY_COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, _, name = LAZY_COMMANDS[cmd_name].partition(":")
        command = getattr(import_module(module), name)
        assert isinstance(command, click.Command)
        return command

    def list_sections(self, ctx: click.Context, include_default_section: bool = True) -> list[cloup.Section]:
        """The headings of the help, with the commands under them."""
        for name in LAZY_COMMANDS:
            command = self.get_command(ctx, name)
            if command is not None and name not in self.commands:
                self.add_command(command, name, section=TOOLS)
        return super().list_sections(ctx, include_default_section)

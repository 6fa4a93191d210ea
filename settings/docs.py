"""Writes `docs/configuration.md` from the settings: `python -m settings.docs [FILE]`.

Nothing about a variable is written anywhere else, so the document can not disagree with the code.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from settings import parsers
from settings.aliases import ALIASES, WITHOUT_EFFECT
from settings.checks import ROLES, RULES
from settings.config import COMMAND_SECRETS, FIELDS, SECRETS, default_text, kind_of
from settings.internal import INTERNAL_GROUPS, burst_count_fields, scan_fields
from settings.parsers import Kind
from settings.public import PUBLIC_GROUPS, SettingsGroup

_INTRODUCTION = """\
# Configuration

<!-- Written by `python -m settings.docs docs/configuration.md`; a test fails when it is out of date. -->

Every server is configured by environment variables; options of a command override them, unknown variables are ignored.
White space around a value does not count. All variables that a server uses are read when it starts. Whatever is wrong
is reported at once, one line a variable, and the command ends with status 1 before it touches any server. What it does
not use never stops it: that, and unknown variables whose names are nearly those of settings, are only worth a WARNING.

"Used by" says which servers use a variable. "Allowed" is what start-up checks beyond the kind of value.
"""

_SECRETS = """\
## Secrets in files

For each of these variables, `NAME_FILE` may name a file with the value instead, such as a mounted secret. It is an
error to set both, and so is a file that can not be read: {}.
"""

_OTHER_NAMES = """
## Other names

Names in other releases of the service. Where a setting has a value, its other name does not count; a WARNING says so.

| Setting | Other name |
| --- | --- |
{}"""

_WITHOUT_EFFECT = """
## Without effect

Settings of other releases about what is done otherwise here. They are accepted, and an INFO line tells of them: {}."""

_KINDS = (
    parsers.TEXT,
    parsers.INTEGER,
    parsers.NUMBER,
    parsers.SECONDS,
    parsers.DAYS,
    parsers.BOOLEAN,
    parsers.DURATION,
    parsers.ID,
    parsers.BINDING_KEY,
    parsers.MEMORY,
    parsers.NAMES,
    parsers.DATABASE_URLS,
    parsers.REGEX,
    parsers.JSON_OBJECT,
)

_HEADER = "| Variable | Kind | Default | Meaning | Allowed | Used by |\n| --- | --- | --- | --- | --- | --- |"


def configuration_md() -> str:
    """The whole document."""
    secrets = ", ".join(f"`{name}`" for name in (*SECRETS, *COMMAND_SECRETS))
    parts = [_INTRODUCTION, _SECRETS.format(secrets), "## Kinds of values\n", "| Kind | A value is |\n| --- | --- |"]
    parts += [f"| {kind.name} | {_cell(kind.allowed)}{_empty_rule(kind)} |" for kind in _KINDS]
    for group in (*PUBLIC_GROUPS, *INTERNAL_GROUPS):
        parts += [_heading(group.title, group.__doc__ or ""), *map(_row, _own_variables(group))]
    parts.append(_heading("Internal: messages in one batch", "How many outgoing messages are sent at once."))
    parts += [_row(name.upper()) for name in burst_count_fields()]
    parts.append(_heading("Internal: scans", "Scans walk over tables for ever and delete what is not needed any more."))
    parts += [_row(name.upper()) for name in scan_fields()]
    parts.append(_OTHER_NAMES.format("\n".join(f"| {name} | `{alias}` |" for alias, name in sorted(ALIASES.items()))))
    parts.append(_WITHOUT_EFFECT.format(", ".join(f"`{name}`" for name in sorted(WITHOUT_EFFECT))))
    return "\n".join(parts) + "\n"


def _own_variables(group: type[SettingsGroup]) -> list[str]:
    return [name.upper() for name in group.model_fields]


def _heading(title: str, introduction: str) -> str:
    return f"\n## {title}\n\n{introduction}\n\n{_HEADER}"


def _empty_rule(kind: Kind[Any]) -> str:
    return "; empty means not set" if kind.empty_is_unset else ""


def _row(variable: str) -> str:
    field = FIELDS[variable]
    extra: Any = field.json_schema_extra
    used_by = "all" if set(extra["used_by"]) == set(ROLES) else ", ".join(extra["used_by"])
    default = default_text(variable)
    default = default if extra["default_text"] else f"`{default}`" if default else "empty"
    allowed = "; ".join(dict.fromkeys(rule.allowed for rule in RULES if rule.variables[0] == variable))
    cells = (f"`{variable}`", kind_of(field).name, default, field.description or "", allowed, used_by)
    return f"| {' | '.join(map(_cell, cells))} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> None:
    """Writes the document to the file, or to the standard output if none is given."""
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(configuration_md(), encoding="utf-8")
    else:
        sys.stdout.write(configuration_md())


if __name__ == "__main__":
    main()

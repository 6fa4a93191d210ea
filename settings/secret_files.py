"""Secrets that come in files: `NAME_FILE` names a file with the value of NAME, as secrets of containers are mounted."""

from __future__ import annotations

import stat
from collections.abc import Collection, Mapping
from pathlib import Path

SUFFIX = "_FILE"

_MOST_BYTES = 65_536


class SecretError(Exception):
    """A secret can not be read. The message is one line that names the variables, and nothing secret."""


def with_secrets(environ: Mapping[str, str], names: Collection[str]) -> tuple[dict[str, str], dict[str, str]]:
    """The environment with the secrets that these variables have in files; and, by variable, what is wrong."""
    complete, problems = dict(environ), {}
    for name in names:
        try:
            if value := read_secret(environ, name):
                complete[name] = value
        except SecretError as error:
            problems[name] = str(error)
    return complete, problems


def read_secret(environ: Mapping[str, str], name: str) -> str:
    """The value of a variable, or what is in the file that `NAME_FILE` names; empty when neither is set.

    White space around it does not count. Raises SecretError.
    """
    value, path = environ.get(name, "").strip(), environ.get(name + SUFFIX, "").strip()
    if not path:
        return value
    place = f"{name}{SUFFIX}={path!r}"
    if value:
        raise SecretError(f"{place}: {name} is set, too; only one of them may be")
    text = _contents(place, Path(path))
    if not text:
        raise SecretError(f"{place}: the file is empty")
    return text


def _contents(place: str, path: Path) -> str:
    try:
        # A pipe could keep us waiting for ever, and a restarted process would find nothing in it.
        if not stat.S_ISREG(path.stat().st_mode):
            raise SecretError(f"{place}: not a file")
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a path"
        raise SecretError(f"{place}: the file can not be read: {reason}") from None
    if len(content) > _MOST_BYTES:
        raise SecretError(f"{place}: the file is too long for a secret")
    try:
        return content.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise SecretError(f"{place}: the file is no UTF-8 text") from None

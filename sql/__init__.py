"""The database code of both kinds of database, and the order in which it is installed.

A kind (`worker` or `solver`) owns the schema of its name. Files under `sql/shared` belong to both; the word `shared.`
in them stands for the kind's own schema, since both kinds may live in one database under different owners.

* `migrations/NNNN_{pre|post}_what.sql` run once.
* `functions/**/name.sql` are applied again whenever their checksum changes.
* `rights/purpose.sql` are applied after everything else, for each role (`sql.roles`).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Literal

Kind = Literal["worker", "solver"]
KINDS: tuple[Kind, ...] = ("worker", "solver")

Purpose = Literal["reader", "operator", "service"]
"""What a role is for that is not the owner of a database."""

PGMQ_VERSION = "1.13.0"
"""The version of the queue schema that our migrations are written for. Another one needs a migration of ours."""

_PGMQ_SCHEMA = "CREATE SCHEMA IF NOT EXISTS pgmq;"
_SHARED = re.compile(r"\bshared\.")


@dataclass(frozen=True, slots=True)
class SqlFile:
    """One file to install: `name` is its path below `sql/`, `text` is ready to run in the kind's schema."""

    name: str
    text: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]


def migrations(kind: Kind, phase: Literal["pre", "post"] = "pre") -> list[SqlFile]:
    """The run-once files of a kind, in order; the queue schema comes before the worker's own migrations."""
    marker = f"_{phase}_"
    found = [f for part in ("shared", kind) for f in _read(kind, f"{part}/migrations") if marker in f.name]
    if kind == "worker" and phase == "pre":
        first_own = next(i for i, f in enumerate(found) if f.name.startswith("worker/"))
        found.insert(first_own, SqlFile(f"pgmq/{PGMQ_VERSION}.sql", _pgmq_text()))
    return found


def functions(kind: Kind) -> list[SqlFile]:
    """The repeatable files of a kind, shared ones first."""
    return _read(kind, "shared/functions") + _read(kind, f"{kind}/functions")


def rights(kind: Kind) -> list[SqlFile]:
    """What roles may do, one file for each purpose; `the_role` in them stands for the role."""
    return _read(kind, f"{kind}/rights")


def test_clock(kind: Kind) -> SqlFile:
    """The clock that a test or sandbox database gets instead of the real one."""
    return next(f for f in _read(kind, "shared") if f.name == "shared/test_clock.sql")


@cache
def _read_all() -> dict[str, str]:
    """Every SQL file of the package, by its path below `sql/`."""
    found: dict[str, str] = {}

    def walk(folder: Traversable, prefix: str) -> None:
        for entry in folder.iterdir():
            if entry.is_dir():
                walk(entry, f"{prefix}{entry.name}/")
            elif entry.name.endswith(".sql"):
                found[prefix + entry.name] = entry.read_text(encoding="utf-8")

    walk(files("sql"), "")
    return found


def _read(kind: Kind, folder: str) -> list[SqlFile]:
    """The files of a folder (all levels below `functions`, one level elsewhere), with `shared.` resolved."""
    deep = folder.endswith("functions")
    names = (
        name
        for name in sorted(_read_all())
        if name.startswith(folder + "/") and (deep or "/" not in name[len(folder) + 1 :])
    )
    return [SqlFile(name, _SHARED.sub(f"{kind}.", _read_all()[name])) for name in names]


def _pgmq_text() -> str:
    import pgmq.install

    version = pgmq.install.get_embedded_sql_version()
    if version.lstrip("v") != PGMQ_VERSION:
        raise RuntimeError(f"the pgmq package carries version {version} of the queue schema; {PGMQ_VERSION} is needed")
    text = str(pgmq.install.get_embedded_install_sql())
    if text.count(_PGMQ_SCHEMA) != 1:
        raise RuntimeError(f"the queue schema is created otherwise than by `{_PGMQ_SCHEMA}`")
    # The schema is there already, and whoever made it may have kept the right to create schemas to themselves.
    return text.replace(_PGMQ_SCHEMA, "null;")

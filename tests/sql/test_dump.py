"""A database that is dumped can be made anew from the dump: that is how some back up and move theirs."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.servers.postgres import PrivateServer, server_programs
from sql import KINDS, Kind
from sql.install import configure
from tests.databases import ROLES, connection_to

pytestmark = pytest.mark.slow

USABLE = sorted(version for version in server_programs() if version >= 15)


@pytest.fixture(scope="module", params=USABLE, ids=lambda version: f"PostgreSQL {version}")
def server(request: pytest.FixtureRequest) -> Iterator[PrivateServer]:
    with PrivateServer(server_programs()[request.param]) as server:
        with server.admin() as admin:
            for role in ("owner", *ROLES):
                admin.execute(f"create role {role} login".encode())
        yield server


def run(server: PrivateServer, program: str, *arguments: str) -> str:
    command = server.as_user([str(server.programs / program), *arguments])
    done = subprocess.run(command, capture_output=True, text=True, cwd=server.base_dir)
    assert done.returncode == 0, done.stderr
    return done.stdout


def contents(listing: str) -> list[str]:
    """Kind, name and owner of all that is in a dump; not its number."""
    lines = [line.partition("; ")[2] for line in listing.splitlines() if line and not line.startswith(";")]
    return sorted(line.split(" ", 2)[2] for line in lines)


@pytest.mark.parametrize("kind", KINDS)
def test_a_database_is_the_same_after_its_dump_was_restored(server: PrivateServer, kind: Kind) -> None:
    dump = Path(server.base_dir) / "tmp" / f"{kind}.dump"
    with server.admin() as admin:
        for name in (kind, f"restored_{kind}"):
            admin.execute(f"create database {name} owner owner".encode())
    with connection_to(server.database_url(kind, user="owner")) as owner:
        configure(owner, kind, grants=ROLES)
    found = []
    for name in (kind, f"restored_{kind}"):
        run(server, "pg_dump", "-Fc", "-f", str(dump), server.database_url(name))
        found.append(contents(run(server, "pg_restore", "--list", str(dump))))
        if name == kind:
            url = server.database_url(f"restored_{kind}")
            run(server, "pg_restore", "--single-transaction", "-d", url, str(dump))
    assert found[1] == found[0]
    assert len(found[0]) > 100


def test_a_dump_without_the_archive_can_be_restored_and_used(server: PrivateServer) -> None:
    dump = Path(server.base_dir) / "tmp" / "without.dump"
    with server.admin() as admin:
        for name in ("archiving", "restored_without"):
            admin.execute(f"create database {name} owner owner".encode())
    with connection_to(server.database_url("archiving", user="owner")) as owner:
        configure(owner, "solver", grants=ROLES)
    run(server, "pg_dump", "-Fc", "-T", "solver.turn_archive", "-f", str(dump), server.database_url("archiving"))
    run(server, "pg_restore", "--single-transaction", "-d", server.database_url("restored_without"), str(dump))
    with connection_to(server.database_url("restored_without", user="owner")) as owner:
        assert configure(owner, "solver").is_empty
        assert owner.execute("select solver.keeps_archive(), solver.delete_old_archives(1, 1)").fetchone() == (False, 0)
        # As docs/operations.md says.
        owner.execute("delete from solver.applied_file where file = 'solver/migrations/0008_pre_archive.sql'")
        configure(owner, "solver")
        assert owner.execute("select solver.keeps_archive()").fetchone() == (True,)

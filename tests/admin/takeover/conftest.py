"""An installation of the earlier service, to be taken over."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sandbox.servers.postgres import PrivateServer
from sql import Kind
from tests.admin.takeover.old_databases import OldService, create

MakeOld = Callable[..., OldService]


@pytest.fixture
def make_old(postgres: PrivateServer, new_database: Callable[[Kind], str]) -> MakeOld:
    """Call it with a release to get its databases, still empty, in those of ours."""

    def make(release: str = "1.0") -> OldService:
        solver, worker = (new_database(kind).rpartition("/")[2] for kind in ("solver", "worker"))
        return create(postgres, solver, worker, release)

    return make

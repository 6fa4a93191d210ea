from __future__ import annotations

import logging

import pytest

from tests.conftest import Connection


def test_warnings_of_functions_are_logged(worker_db: Connection, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        worker_db.execute("do $$ begin raise warning 'verdicts exceed' using detail = 'turn 1: 5'; end $$")
        worker_db.execute("do $$ begin raise notice 'by the way'; end $$")
        worker_db.execute("do $$ begin raise debug 'unheard'; end $$")
    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [
        ("WARNING", "verdicts exceed: turn 1: 5"),
        ("INFO", "by the way"),
    ]

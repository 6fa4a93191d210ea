"""Daemons that start together take over the same settings."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from sql import Kind
from tests.databases import connection_to

TAKE_OVER = "select worker.set_configuration(%s)"


def test_settings_of_two_daemons_that_start_together(new_database: Callable[[Kind], str]) -> None:
    """The second waits for the first, and finds what that has left."""
    url = new_database("worker")
    settings = json.dumps({"amount_cut": 1e-6})
    with (
        connection_to(url, autocommit=False) as first,
        connection_to(url, autocommit=False) as second,
        connection_to(url) as observer,
        ThreadPoolExecutor(1) as threads,
    ):
        assert first.execute(TAKE_OVER, (settings,)).fetchone() == (True,)
        answer = threads.submit(lambda: second.execute(TAKE_OVER, (settings,)).fetchone())
        waits = "select 1 from pg_stat_activity where pid = %s and wait_event_type = 'Lock'"
        ends = time.monotonic() + 60
        while not observer.execute(waits, (second.info.backend_pid,)).fetchone():
            assert time.monotonic() < ends, "the second does not wait"
            time.sleep(0.01)
        first.commit()
        assert answer.result() == (False,)

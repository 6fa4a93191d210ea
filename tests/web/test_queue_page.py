"""The page about a queue: whatever it is, and nothing but queues."""

from __future__ import annotations

from pathlib import Path

import pytest

from admin.web.dashboard_queues import KINDS, MEANINGS
from admin.web.dashboard_shards import KINDS as KINDS_OF_SHARDS
from bridge.messages.names import OUTGOING_TYPES
from tests.web.conftest import Web
from tests.web.rows import set_aside

RUNBOOK = (Path(__file__).parents[2] / "docs" / "runbook.md").read_text()
QUEUES = "/trade/dashboard/shards/0/queues/"


def test_of_every_kind_and_type_it_is_said_what_it_is() -> None:
    assert KINDS.keys() == KINDS_OF_SHARDS.keys()
    assert MEANINGS.keys() == set(OUTGOING_TYPES)
    for kind in KINDS.values():
        assert f"### {kind.runbook}\n" in RUNBOOK


def test_every_queue_has_a_page_to_which_the_page_of_the_shard_leads(web: Web) -> None:
    shard = web.get("/trade/dashboard/shards/0").text
    queues = web.worker.execute("select queue, message_type from worker.queue_figures(1)").fetchall()
    assert len(queues) > 20
    for queue, message_type in queues:
        assert f'href="{QUEUES}{queue}"' in shard
        answer = web.get(f"{QUEUES}{queue}")
        assert answer.status_code == 200, queue
        assert "Nothing waits." in answer.text
        assert MEANINGS.get(message_type, "") in answer.text


@pytest.mark.parametrize("queue", ["inbox_99", "applied_file", "inbox_0%27", "%22", "q_inbox_0", "solver_request%00"])
def test_what_is_no_queue_is_not_found(web: Web, queue: str) -> None:
    assert web.get(f"{QUEUES}{queue}").status_code == 404


def test_a_worker_that_does_not_exist_has_no_queues(web: Web) -> None:
    assert web.get("/trade/dashboard/shards/1/queues/inbox_0").status_code == 404


def test_messages_come_in_parts_and_are_shown_as_texts(web: Web) -> None:
    web.worker.execute(
        "insert into pgmq.q_inbox_3 (vt, message) select '-infinity', jsonb_build_object('type', '<b>', 'n', n)"
        " from generate_series(1, 45) as n"
    )
    first = web.get(f"{QUEUES}inbox_3").text
    assert "&lt;b&gt;" in first
    assert "<b>" not in first
    assert first.count("<details>") == 20
    assert f"{QUEUES}inbox_3?after=20" in first
    assert web.get(f"{QUEUES}inbox_3?after=40").text.count("<details>") == 5
    assert web.get(f"{QUEUES}inbox_3?after=x").text.count("<details>") == 20
    assert "There are no more." in web.get(f"{QUEUES}inbox_3?after={10**17}").text


def test_it_is_said_whether_anything_takes_from_a_queue(web: Web) -> None:
    nobody = "None of what takes from it (drain) is connected"
    assert nobody in web.get(f"{QUEUES}inbox_3").text
    web.worker.execute("set application_name = 'swpt-trade drain'")
    page = web.get(f"{QUEUES}inbox_3").text
    assert nobody not in page
    assert "Connected to the database now: drain." in page
    assert "Nobody works on this lane just now" in page
    with web.worker.transaction():
        web.worker.execute("select worker.try_lock_lane(3)")
        assert "A transaction works on this lane just now." in web.get(f"{QUEUES}inbox_3").text
    assert "flush_prepare_transfers" in web.get(f"{QUEUES}out_prepare_transfer").text


def test_a_message_that_was_set_aside_leads_to_its_error(web: Web) -> None:
    message = set_aside(web.worker, {"type": "UpdatedFlags"})
    assert f"/trade/dashboard/held/0/messages/{message}" in web.get(f"{QUEUES}set_aside").text

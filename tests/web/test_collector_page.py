"""The page about a collector: what is known of it where, and whether it may be removed."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from admin.web.services import services_of
from tests.sql.transfers.rows import (
    BUYER,
    COLLECTOR,
    DEBTOR,
    SELLER,
    add_account,
    add_attempt,
    add_payment,
    insert,
    set_clock,
)
from tests.web.conftest import Web
from tests.web.rows import insert_collector

PAGE = f"/trade/dashboard/collectors/{DEBTOR}/{COLLECTOR}"
LONG_AGO = datetime.now(UTC) - timedelta(days=400)


@pytest.fixture
def collector(web: Web) -> Web:
    """An active collector with money on its account, and a payment that it waits for."""
    insert_collector(web.solver, DEBTOR, COLLECTOR, 2)
    insert(web.worker, "needed_worker_account", creditor_id=COLLECTOR, debtor_id=DEBTOR, configured_at=LONG_AGO)
    set_clock(web.worker, datetime.now(UTC))
    add_account(web.worker)
    web.worker.execute("update worker.worker_account set principal = 12345")
    return web


def page(web: Web) -> str:
    answer = web.get(PAGE)
    assert answer.status_code == 200, answer.text
    return re.sub(r"[ \n]+", " ", answer.text)


def disable(web: Web, removal: str | None = None, since: datetime = LONG_AGO) -> None:
    web.solver.execute(
        "update solver.collector_account set status = 3, latest_status_change_at = %s, removal = %s", (since, removal)
    )


def test_what_is_known_of_an_active_collector(collector: Web) -> None:
    add_payment(collector.worker, "collecting", SELLER, 4321)
    text = page(collector)
    assert "It takes part in new turns." in text
    assert "12\N{THIN SPACE}345" in text
    assert "Sellers have to pay" in text
    assert "4\N{THIN SPACE}321" in text
    assert "swpt-trade collectors remove takes it out of trade for good" in text
    assert "It is the last one of its currency that is not disabled" in text
    insert_collector(collector.solver, DEBTOR, COLLECTOR + 1, 2)
    assert "It is the last one" not in page(collector)


def test_the_removal_of_a_disabled_collector_says_what_it_waits_for(collector: Web) -> None:
    disable(collector, since=datetime.now(UTC))
    assert "Only then its removal begins." in page(collector)
    disable(collector, "stranded")
    text = page(collector)
    assert "Its worker says: stranded." in text
    assert "12\N{THIN SPACE}345 tokens are on its account, and no other collector of its currency is active" in text
    insert_collector(collector.solver, DEBTOR, COLLECTOR + 1, 2)
    assert f"12\N{THIN SPACE}345 tokens on its account go to collector {COLLECTOR + 1} then." in page(collector)
    add_payment(collector.worker, "dispatching", BUYER, 500)
    add_attempt(collector.worker, turn_id=0, is_dispatching=False, creditor_id=COLLECTOR + 1)
    text = page(collector)
    assert "Payments of turns are open" in text
    assert "What was left on its account is on its way to another collector." in text
    assert "What is left, to another collector: about to be tried" in text


def test_what_people_decided_about_it_is_on_its_page_and_nothing_else(collector: Web) -> None:
    collector.solver.execute("select solver.remove_collector(%s, %s)", (DEBTOR, COLLECTOR))
    collector.solver.execute("select solver.note_action('boris', 'removed another one', '{\"debtor_id\": 666}')")
    text = page(collector)
    assert "removed a collector" in text
    assert "removed another one" not in text


def test_an_account_that_nobody_asked_for_has_a_page_as_long_as_it_is_known(web: Web) -> None:
    assert web.get(PAGE).status_code == 404
    now = datetime.now(UTC)
    insert(
        web.worker,
        "unknown_account",
        **{"creditor_id": COLLECTOR, "debtor_id": DEBTOR, "creation_date": now, "last_change_ts": now},
        **{"principal": 500, "interest": 0, "account_id": "x", "last_config_ts": now, "config_flags": 0},
        **{"negligible_amount": 0, "status": "held", "reason": "money", "first_reported_at": now, "reported_at": now},
    )
    text = page(web)
    assert "The solver does not know it." in text
    assert "it is held, since there is money on it." in text
    assert PAGE in web.get("/trade/dashboard/held/").text


def test_a_worker_that_is_down_hides_no_more_than_its_own_part(collector: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("admin.web.database.WAIT_SECONDS", 0.2)
    (database,) = services_of(collector.client.application).workers
    monkeypatch.setattr(database, "_url", "postgresql://nobody@127.0.0.1:1/none")
    text = page(collector)
    assert "The database of worker 0 does not answer" in text
    assert "It takes part in new turns." in text

"""Decisions on the dashboard about what waits for one, and the record of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from werkzeug.test import TestResponse

from tests.sql.transfers.rows import (
    BUYER,
    COLLECTOR,
    DEBTOR,
    STATES,
    TURN,
    add_account,
    add_attempt,
    add_payment,
    attempt,
    set_clock,
)
from tests.web.conftest import Web
from tests.web.rows import set_aside

HELD, LOG = "/trade/dashboard/held/", "/trade/dashboard/log/"


@pytest.fixture
def held(web: Web) -> Web:
    """Three messages, two accounts with money, a payment in doubt, and one that may have come in."""
    for name in ("Anna", "Boris", "<script>alert(1)</script>"):
        set_aside(web.worker, {"type": "UpdatedFlags", "creditor_id": 1, "name": name})
    for debtor_id in (7, -1):
        web.worker.execute(
            "insert into worker.unknown_account (creditor_id, debtor_id, status, reason, principal, interest,"
            " account_id, first_reported_at, reported_at, creation_date, last_change_ts, last_config_ts, config_flags,"
            " negligible_amount)"
            " values (1099511627776, %s, 'held', 'money', 500, 0, 'x', now(), now(), now(), now(), now(), 0, 0)",
            (debtor_id,),
        )
    set_clock(web.worker, datetime.now(UTC) - timedelta(days=5))
    add_attempt(web.worker, **STATES["initiated"])
    web.worker.execute("select worker.notice_step_back()")
    web.worker.execute("update worker.life set timeline_id = timeline_id + 1")
    web.worker.execute("select worker.notice_step_back()")
    add_account(web.worker)
    add_payment(web.worker, "collecting", BUYER, 800)
    web.worker.execute("update worker.worker_account set last_transfer_number = 1")
    return web


def decide(web: Web, kind: str, decision: str, *chosen: str, token: str = "superuser", **more: str) -> TestResponse:
    form = {"decision": decision, "chosen": list(chosen), **more}
    return web.post(f"{HELD}0/{kind}", token, data=form)


def done(web: Web, answer: TestResponse) -> str:
    """The page to which the answer leads."""
    assert answer.status_code == 303, answer.text
    return web.get(answer.headers["Location"]).text


def test_everything_that_waits_is_on_one_page_and_can_be_searched(held: Web) -> None:
    page = held.get(HELD).text
    for text in ("Message 1", "too large", "18446744073709551615", "there is money on it", f"buyer {BUYER}", "seller"):
        assert text in page, text
    for wanted, found, missing in (
        ("boris", "Message 2", "Message 1<"),
        ("18446744073709551615", "there is money on it", "Message"),
        ("no such thing", "Nothing here has this text.", "Message 1"),
    ):
        page = held.get(f"{HELD}?q={wanted}").text.replace("</label>", "<")
        assert found in page, wanted
        assert missing not in page.partition("<h2")[2], wanted
    assert "<script>alert" not in held.get(f"{HELD}?q=<script>alert(1)</script>").text


def test_a_message_is_shown_as_a_whole_with_its_cause(held: Web) -> None:
    page = held.get(f"{HELD}0/messages/3").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "A value in it does not fit" in page
    assert held.get(f"{HELD}0/messages/99").status_code == 404


def test_messages_are_replayed_singly_and_in_bulk(held: Web) -> None:
    assert "1 message put back" in done(held, decide(held, "messages", "replay", "1"))
    assert "2 messages put back" in done(held, decide(held, "messages", "replay", "2", "3"))
    assert "Nothing was done" in done(held, decide(held, "messages", "replay", "2", "3"))
    assert "Nothing was done" in done(held, decide(held, "messages", "replay"))
    queues = "select sum(messages) from worker.queue_figures(100) where kind = 'inbox'"
    assert held.worker.execute(queues).fetchone() == (3,)
    log = held.get(LOG).text
    assert log.count("replayed messages") == 2
    assert "messages 2, 3" in log
    assert "creditors-superuser" in log


def test_what_can_not_be_taken_back_is_asked_for_twice(held: Web) -> None:
    answer = decide(held, "messages", "discard", "1", "2")
    assert answer.status_code == 200
    assert "I am sure" in answer.text
    assert held.worker.execute("select count(*) from worker.set_aside").fetchone() == (3,)
    assert "2 messages given up" in done(held, decide(held, "messages", "discard", "1", "2", sure="yes"))
    assert held.worker.execute("select count(*) from worker.set_aside").fetchone() == (1,)
    assert "discarded messages" in held.get(LOG).text


def test_accounts_are_adopted_and_discarded(held: Web) -> None:
    assert "1 account made" in done(held, decide(held, "accounts", "adopt", "7 1099511627776"))
    account = "18446744073709551615 1099511627776"
    answer = decide(held, "accounts", "discard", account, sure="yes", tokens="499")
    assert answer.status_code == 409
    assert "more money is on the account" in answer.text or "there is more money" in answer.text
    assert "1 account to be deleted" in done(
        held, decide(held, "accounts", "discard", account, sure="yes", tokens="500")
    )
    log = held.get(LOG).text
    assert "adopted an account" in log
    assert "/trade/dashboard/collectors/7/1099511627776" in log
    assert "debtor 18446744073709551615; collector 1099511627776" in log


def test_of_several_decisions_none_is_made_where_one_can_not_be(held: Web) -> None:
    answer = decide(held, "accounts", "adopt", "7 1099511627776", "8 1099511627776")
    assert answer.status_code == 409
    assert "Nothing was done: no such account is held here" in answer.text
    assert held.worker.execute("select count(*) from worker.unknown_account").fetchone() == (2,)
    assert "adopted" not in held.get(LOG).text


@pytest.mark.parametrize(("decision", "said"), [("paid", "counted as paid"), ("again", "tried again")])
def test_payments_in_doubt_are_decided_about(held: Web, decision: str, said: str) -> None:
    key = f"buyer {TURN} {COLLECTOR} {DEBTOR} {BUYER}"
    assert "I am sure" in decide(held, "payments", decision, key).text
    assert said in done(held, decide(held, "payments", decision, key, sure="yes"))
    assert (attempt(held.worker, "held_at") is None) == (decision == "paid")
    assert "payment in doubt" in held.get(LOG).text
    assert decide(held, "payments", decision, key, sure="yes").status_code == 409


def test_payments_that_may_have_come_are_decided_about(held: Web) -> None:
    key = f"collecting {TURN} {COLLECTOR} {DEBTOR} {BUYER}"
    assert "counted as received" in done(held, decide(held, "payments", "came", key, sure="yes"))
    assert held.worker.execute("select collected from worker.worker_collecting").fetchone() == (True,)
    assert "expected payment: has come" in held.get(LOG).text


@pytest.mark.parametrize(
    ("kind", "decision", "chosen"),
    [
        ("messages", "paid", "1"),
        ("messages", "replay", "x"),
        ("messages", "replay", str(2**70)),
        ("accounts", "adopt", "7"),
        ("accounts", "adopt", f"{2**64} 1"),
        ("payments", "paid", f"collecting {TURN} {COLLECTOR} {DEBTOR} {BUYER}"),
        ("payments", "paid", "buyer 1 2"),
    ],
)
def test_a_form_that_no_page_has_does_nothing(held: Web, kind: str, decision: str, chosen: str) -> None:
    assert decide(held, kind, decision, chosen, sure="yes").status_code == 400
    assert "Nobody has changed anything" in held.get(LOG).text


@pytest.mark.parametrize("token", ["supervisor", "owner", "creditor"])
def test_only_superusers_decide(held: Web, token: str) -> None:
    assert decide(held, "messages", "replay", "1", token=token).status_code == 403
    if token != "creditor":
        page = held.get(HELD, token).text
        assert "Message 1" in page
        assert "<button name=" not in page


def test_pages_of_other_sites_decide_nothing_with_a_cookie(held: Web) -> None:
    """Not even where they may change things with a token of their own."""
    held.client.set_cookie("swpt_trade_token", "superuser", path="/trade/dashboard/")
    form = {"decision": "replay", "chosen": "1"}
    for site, code in (("cross-site", 403), ("same-site", 403), ("same-origin", 303)):
        answer = held.post(f"{HELD}0/messages", None, data=form, headers={"Sec-Fetch-Site": site})
        assert answer.status_code == code, site
    assert held.post("/trade/set-aside/0/2/replay", None).status_code == 401


def test_activations_are_in_the_log(web: Web) -> None:
    assert web.post("/trade/collectors/7/activate", "supervisor").status_code == 204
    log = web.get(LOG).text
    assert "added collectors" in log
    assert "creditors-supervisor" in log
    assert web.get(f"{LOG}?before=2020-01-01T00:00:00%2B00:00").text.count("added collectors") == 0
    assert web.get(f"{LOG}?before=nonsense").text.count("added collectors") == 1

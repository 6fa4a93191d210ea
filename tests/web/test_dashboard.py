"""The dashboard in a real browser: light and dark, on a phone and on a desk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from psycopg.types.json import Jsonb

from admin.web.services import services_of
from pipelines.solver.solve import solve_turn
from tests.conftest import skip_or_fail
from tests.pipelines.solver.markets import make_market
from tests.pipelines.solver.solver_turns import COLLECTORS, OFFERS
from tests.pipelines.solver.solver_turns import insert_turn as insert_offers
from tests.sql.transfers import rows as payments
from tests.sql.turns.rows import insert_worker_turn
from tests.web.browser import browser
from tests.web.browser_tab import Tab, opened
from tests.web.conftest import Web
from tests.web.login_server import login_server
from tests.web.rows import insert_collector, insert_statistic, insert_turn, set_aside
from tests.web.serving import free_port, served
from tests.web.walking import follow_all_links

pytestmark = pytest.mark.slow

DASHBOARD = "/trade/dashboard/"
LOOKS = [(width, is_dark) for width in (390, 1440) for is_dark in (False, True)]


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    program = browser()
    if program is None:
        skip_or_fail("no browser")
    with opened(program or "", tmp_path_factory.mktemp("profile")) as tab:
        yield tab


@pytest.fixture(autouse=True)
def stranger(tab: Tab) -> None:
    """Nobody is logged in when a test begins."""
    tab.call("Network.clearBrowserCookies")
    tab.complaints.clear()


@pytest.fixture
def busy(web: Web) -> Web:
    """A turn that was solved, one in phase 2, others before them, and trouble in a queue."""
    for turn_id in range(1, 5):
        insert_turn(web.solver, turn_id)
        insert_statistic(web.solver, turn_id, 1, 1000 * turn_id**3)
    insert_offers(web.solver, make_market(OFFERS, {2: 2.0}, COLLECTORS), 7)
    assert solve_turn(web.solver, 7) is not None
    insert_turn(web.solver, 8, phase=2, deadline="2999-01-01T00:00:00Z")
    for debtor_id in (4, 5, -1):
        for status in range(4):
            insert_collector(web.solver, debtor_id, 2**40 + status, status)
    set_aside(web.worker, {"type": "<script>alert(1)</script>\u202e\u2066"})
    web.worker.execute(
        "insert into pgmq.q_inbox_3 (vt, message, enqueued_at)"
        " select '-infinity', '{}', '2026-03-01' from generate_series(1, 1234)"
    )
    return web


def log_in(tab: Tab, url: str, token: str = "superuser") -> None:
    """As a person who has a token, from the address that everybody knows."""
    tab.go(f"{url}/")
    tab.run("document.getElementById('token').focus()")
    tab.type(f" {token} ")
    tab.run("document.documentElement.dataset.old = 'yes'")
    # That nobody is logged in yet is no fault.
    tab.complaints.clear()
    tab.press("Enter")
    tab.wait_for_a_page()


def look_at(tab: Tab, width: int, is_dark: bool, folder: Path) -> None:
    """Checks how a page looks, and leaves a picture of it."""
    tab.look_like(width, is_dark)
    background = "rgb(22, 24, 27)" if is_dark else "rgb(250, 250, 248)"
    assert tab.run("getComputedStyle(document.body).backgroundColor") == background
    name = tab.run("location.pathname").strip("/").replace("/", "-")
    tab.picture(folder / f"{name}-{width}-{'dark' if is_dark else 'light'}.png")
    assert tab.faults() == [], tab.run("location.href")


def test_an_operator_sees_what_goes_on(busy: Web, tab: Tab, tmp_path: Path) -> None:
    with served(busy.client.application.wsgi_app) as url:
        log_in(tab, url)
        assert tab.run("location.pathname") == DASHBOARD
        page = tab.text()
        assert "Turn 8, phase 2: offers" in page
        assert "18446744073709551615" not in page
        tab.run("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
        page = tab.text()
        assert "18446744073709551615" in page
        assert "1\N{THIN SPACE}234" in page
        assert r"alert(1)</script>\u202e\u2066" in page
        for width, is_dark in LOOKS:
            look_at(tab, width, is_dark, tmp_path)
        tab.click("nav li:nth-child(2) a")
        assert tab.run("location.pathname") == f"{DASHBOARD}turns/"
        page = tab.text()
        assert "22\N{THIN SPACE}000" in page
        assert "3 of 3" in page
        assert "64\N{THIN SPACE}000" in page
        assert tab.run("document.querySelectorAll('svg.columns').length") > 4
        for width, is_dark in LOOKS:
            look_at(tab, width, is_dark, tmp_path)
        assert tab.complaints == []
        tab.click("header button")
        assert tab.run("location.pathname") == f"{DASHBOARD}login/public"
        tab.go(f"{url}{DASHBOARD}turns/")
        assert "22\N{THIN SPACE}000" not in tab.text()
        assert tab.run("!!document.getElementById('token')")
        for width, is_dark in LOOKS:
            look_at(tab, width, is_dark, tmp_path)


def test_a_turn_explains_itself_and_any_trader(busy: Web, tab: Tab, tmp_path: Path) -> None:
    insert_worker_turn(busy.worker, 3, 0, turn_id=7)
    with served(busy.client.application.wsgi_app) as url:
        log_in(tab, url)
        tab.go(f"{url}{DASHBOARD}turns/")
        tab.click("tbody tr:nth-child(2) a")
        assert tab.run("location.pathname") == f"{DASHBOARD}turns/7"
        page = tab.text()
        assert "Phase 3: giving and taking" in page
        assert "It is at work: 0 of " in page
        assert "22\N{THIN SPACE}000 base tokens" in page
        assert "example.com/2" in page
        assert "1 token = 2 of example.com/base" in page
        assert tab.run("document.querySelectorAll('svg.ring').length") == 2
        assert tab.run("document.querySelectorAll('.matrix tbody tr').length") > 2
        assert "The largest, in numbers" not in page
        tab.run("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
        assert "Trader 1 gives 5\N{THIN SPACE}000 of example.com/base to trader 3." in tab.text()
        for width, is_dark in LOOKS:
            look_at(tab, width, is_dark, tmp_path)
        tab.run("document.getElementById('trader-id').focus()")
        tab.type("1")
        tab.run("document.documentElement.dataset.old = 'yes'")
        tab.press("Enter")
        tab.wait_for_a_page()
        page = tab.text()
        assert "Trader 1 in turn 7" in page
        assert "You wanted 20,000, and 2,500 were traded: in exchange you gave all that you offered." in page
        for width, is_dark in LOOKS:
            look_at(tab, width, is_dark, tmp_path)
        tab.click("section[aria-labelledby='circles-title'] a")
        assert "gives 5\N{THIN SPACE}000 of" in tab.run("document.querySelector('.rings').textContent")
        for unknown, answer in (("77", "Trader 77 offered and wanted nothing in turn 7."), ("x", "An ID is a whole")):
            tab.run(f"document.getElementById('trader-id').value = '{unknown}'")
            tab.click("form[role=search] button")
            assert answer in tab.text()
        look_at(tab, 390, False, tmp_path)
        assert tab.complaints == []


@pytest.mark.parametrize(
    ("token", "message"),
    [
        ("unknown", "The token is not valid (any more)."),
        ("creditor", "The token does not allow this."),
        ("ü", "This is no token."),
    ],
)
def test_a_token_that_is_not_good_enough(busy: Web, tab: Tab, token: str, message: str) -> None:
    with served(busy.client.application.wsgi_app) as url:
        log_in(tab, url, token)
        page = tab.text()
        assert message in page
        assert "Turn 8" not in page
        assert tab.run("!!document.getElementById('token')")


def test_a_superuser_decides_about_messages_singly_and_in_bulk(busy: Web, tab: Tab, tmp_path: Path) -> None:
    for number in range(3):
        set_aside(busy.worker, {"type": "UpdatedFlags", "creditor_id": 1, "number": number})
    with served(busy.client.application.wsgi_app) as url:
        log_in(tab, url)
        tab.click("nav li:nth-child(5) a")
        for width, is_dark in LOOKS:
            look_at(tab, width, is_dark, tmp_path)
        tab.run("document.querySelector('input[type=search]').value = 'UpdatedFlags'")
        tab.click("form[role=search] button")
        assert "Message 1\t" not in tab.text()
        tab.click("tbody tr:nth-child(1) a")
        assert '"number": 0' in tab.text()
        for width, is_dark in LOOKS:
            look_at(tab, width, is_dark, tmp_path)
        tab.click("button[value=replay]")
        assert "1 message put back into their queues." in tab.text()
        tab.run("document.querySelector('[data-all]').click()")
        tab.click("button[value=discard]")
        assert "3 messages of worker 0. Messages that are discarded are never applied." in tab.text()
        for width, is_dark in LOOKS:
            look_at(tab, width, is_dark, tmp_path)
        tab.click("button[value=discard]")
        page = tab.text()
        assert "3 messages given up." in page
        assert "Nothing waits here." in page
        tab.click("nav li:nth-child(6) a")
        page = tab.text()
        assert "replayed messages" in page
        assert "discarded messages" in page
        assert "creditors-superuser" in page
        for width, is_dark in LOOKS:
            look_at(tab, width, is_dark, tmp_path)
        assert tab.complaints == []


def test_who_logs_in_comes_to_the_page_that_was_asked_for(busy: Web, tab: Tab) -> None:
    with served(busy.client.application.wsgi_app) as url:
        tab.go(f"{url}{DASHBOARD}turns/?before=4")
        tab.run("document.getElementById('token').focus()")
        tab.type("supervisor")
        tab.click("main form button")
        assert tab.run("location.pathname + location.search") == f"{DASHBOARD}turns/?before=4"
        assert tab.run("document.cookie") == ""
        assert tab.run("[...document.querySelectorAll('tbody th')].map((e) => e.textContent)") == [
            "Turn 3",
            "Turn 2",
            "Turn 1",
        ]


def test_one_logs_in_by_the_server_that_makes_the_tokens(
    busy: Web, tab: Tab, tmp_path: Path, make_client: Callable[..., FlaskClient]
) -> None:
    config = services_of(busy.client.application).config
    port = free_port()
    with login_server(busy.tokens) as server:
        client = make_client(
            SOLVER_POSTGRES_URL=config.solver_postgres_url, **server.settings(f"http://127.0.0.1:{port}/trade")
        )
        with served(client.application.wsgi_app, port) as url:
            tab.go(f"{url}{DASHBOARD}turns/?before=4")
            for width, is_dark in LOOKS:
                look_at(tab, width, is_dark, tmp_path)
            tab.click("main a")
            assert "Who are you?" in tab.text()
            tab.click("a")
            assert tab.run("location.pathname + location.search") == f"{DASHBOARD}turns/?before=4"
            assert "Turn 3" in tab.text()
            assert tab.run("document.cookie") == ""
            tab.click("header button")
            server.subject = "creditors:123"
            tab.click("main a")
            tab.click("a")
            assert "The token does not allow this." in tab.text()
            server.is_refused = True
            tab.click("main a")
            tab.click("a")
            assert "The login server says: access_denied" in tab.text()
            tab.run("document.getElementById('token').focus()")
            tab.type("supervisor")
            tab.click("main form button")
            assert "Turn 8, phase 2: offers" in tab.text()


def test_a_page_stays_up_to_date_under_whoever_uses_it(busy: Web, tab: Tab) -> None:
    """What changes is put in; where the focus is, nothing moves."""
    with served(busy.client.application.wsgi_app) as url:
        log_in(tab, url)
        tab.run("document.querySelector('#queues summary').focus()")
        tab.run("document.querySelector('#queues details').open = true")
        insert_turn(busy.solver, 9, phase=1, deadline="2999-01-01T00:00:00Z")
        for _ in range(3):
            set_aside(busy.worker, {"type": "UpdatedFlags"})
        tab.run("refresh()")
        assert "Turn 9, phase 1" in tab.text()
        assert tab.run("document.activeElement.tagName") == "SUMMARY"
        assert "UpdatedFlags" not in tab.text()
        tab.run("document.activeElement.blur()")
        tab.run("refresh()")
        assert "UpdatedFlags" in tab.text()
        assert tab.run("document.querySelector('#queues details').open")
        tab.run("document.getElementById('pause').click()")
        assert tab.run("document.getElementById('pause').textContent") == "Go on refreshing"
        insert_turn(busy.solver, 10, phase=1, deadline="2999-01-01T00:00:00Z")
        tab.run("refresh()")
        assert "Turn 10, phase 1" not in tab.text()
        tab.run("document.getElementById('pause').click()")
        tab.wait_for("document.body.innerText.includes('Turn 10, phase 1')")
        busy.tokens.answers.clear()
        forget_tokens(busy)
        tab.run("refresh()")
        assert "You are logged out" in tab.text()
        assert "Turn 10" in tab.text()


def forget_tokens(web: Web) -> None:
    """The web server asks anew who somebody is."""
    introspector = services_of(web.client.application).introspector
    assert introspector is not None
    introspector._grants.clear()


def test_by_keyboard_one_comes_to_the_content_and_to_all_pages(busy: Web, tab: Tab) -> None:
    with served(busy.client.application.wsgi_app) as url:
        log_in(tab, url)
        reached = []
        for _ in range(8):
            tab.press("Tab")
            reached.append(tab.run("document.activeElement.textContent"))
        names = ["Overview", "Turns", "Currencies", "Shards", "Held", "Log"]
        assert reached == ["Skip to the content", "Circular trade", *names]
        assert tab.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        tab.run("document.documentElement.dataset.old = 'yes'")
        tab.press("Enter")
        tab.wait_for_a_page()
        assert tab.run("location.pathname") == f"{DASHBOARD}log/"


def test_whoever_follows_all_links_finds_every_page_as_it_should_be(busy: Web, tab: Tab, tmp_path: Path) -> None:
    """With something on each of them."""
    insert_worker_turn(busy.worker, 2, 0, turn_id=8)

    def look(is_first: bool) -> None:
        for width, is_dark in LOOKS if is_first else [(390, True)]:
            look_at(tab, width, is_dark, tmp_path)

    with served(busy.client.application.wsgi_app) as url:
        log_in(tab, url)
        kinds = follow_all_links(tab, f"{url}{DASHBOARD}", look)
        assert tab.complaints == []
    seen = {kind.partition("?")[0] for kind in kinds}
    assert seen == {"", "turns/", "turns/N", "currencies/", "currencies/N", "shards/", "shards/N", "held/", "log/"} | {
        "held/N/messages/N",
        "collectors/N/N",
        "shards/N/queues/Q",
    }


def test_a_collector_tells_of_its_account_and_its_payments(busy: Web, tab: Tab, tmp_path: Path) -> None:
    insert_collector(busy.solver, payments.DEBTOR, payments.COLLECTOR, 2)
    payments.insert(
        busy.worker,
        "needed_worker_account",
        creditor_id=payments.COLLECTOR,
        debtor_id=payments.DEBTOR,
        configured_at=payments.NOW,
    )
    payments.add_account(busy.worker)
    payments.add_status(busy.worker, 3000, 200, 150, 1000)
    payments.add_payment(busy.worker, "collecting", payments.SELLER, 1000)
    payments.add_attempt(busy.worker, **payments.STATES["fatal"])
    busy.solver.execute("select solver.remove_collector(%s, %s)", (payments.DEBTOR, payments.COLLECTOR))
    with served(busy.client.application.wsgi_app) as url:
        log_in(tab, url)
        tab.go(f"{url}{DASHBOARD}currencies/{payments.DEBTOR}")
        tab.click("section[aria-labelledby=collectors-title] tbody a")
        page = tab.text()
        for text in ("To buyers: failed for good", "waits for sellers", "removed a collector", "number 1, 2026-03-20"):
            assert text in page
        for width, is_dark in LOOKS:
            look_at(tab, width, is_dark, tmp_path)
        assert tab.complaints == []


def test_a_queue_shows_what_waits_in_it(busy: Web, tab: Tab, tmp_path: Path) -> None:
    body = {"type": "<script>alert(1)</script>", "creditor_id": -1, "ts": "x" * 500, "account_id": "secret"}
    busy.worker.execute("insert into pgmq.q_inbox_5 (vt, message) values ('-infinity', %s)", (Jsonb(body),))
    with served(busy.client.application.wsgi_app) as url:
        log_in(tab, url)
        tab.go(f"{url}{DASHBOARD}shards/0")
        tab.click("#queues tbody tr:nth-child(2) a")
        assert tab.run("location.pathname") == f"{DASHBOARD}shards/0/queues/inbox_5"
        tab.run("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
        page = tab.text()
        for text in (
            "<script>alert(1)</script>",
            "creditor_id",
            "SwptTradeQueueAge".lower(),
            "None of what takes from it",
        ):
            assert text in page
        assert "secret" not in page
        for width, is_dark in LOOKS:
            look_at(tab, width, is_dark, tmp_path)
        tab.go(f"{url}{DASHBOARD}shards/0/queues/inbox_3")
        tab.click(".pages a")
        assert "Further messages" in tab.text()
        assert "21" in tab.run("document.querySelector('tbody th').textContent")
        assert tab.complaints == []


def test_a_database_that_is_down(
    make_client: Callable[..., FlaskClient], tab: Tab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("admin.web.database.WAIT_SECONDS", 0.2)
    with served(make_client().application.wsgi_app) as url:
        log_in(tab, url)
        assert "A database does not answer now." in tab.text()
        assert tab.run("!!document.querySelector('nav a')")
        for width, is_dark in LOOKS:
            look_at(tab, width, is_dark, tmp_path)

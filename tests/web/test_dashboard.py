"""The page for operators, in a real browser."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from tests.conftest import skip_or_fail
from tests.web.browser import browser, visit
from tests.web.conftest import Web
from tests.web.rows import insert_collector, insert_statistic, insert_turn, set_aside

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

pytestmark = pytest.mark.slow

SHELL = "/trade/dashboard/public"
# A person who types a token and presses the button.
PERSON = """
document.getElementById("token").value = " %s ";
document.querySelector("#login button").click();
document.body.dataset.background = getComputedStyle(document.body).backgroundColor;
"""


def with_person(app: WSGIApplication, token: str) -> WSGIApplication:
    """The application, with a script in its page that does what a person would do."""

    def wrapped(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        if request.path == "/person.js":
            return Response(PERSON % token, mimetype="text/javascript")(environ, start_response)
        response = Response.from_app(app, environ)
        if request.path == SHELL:
            response.set_data(
                response.get_data(as_text=True).replace("</body>", '<script src="/person.js" defer></script>')
            )
        return response(environ, start_response)

    return wrapped


@contextmanager
def served(app: WSGIApplication) -> Iterator[str]:
    """The URL of the page."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{SHELL}"
    finally:
        server.shutdown()
        thread.join()


@pytest.fixture
def program() -> str:
    found = browser()
    if found is None:
        skip_or_fail("no browser")
    return found or ""


@pytest.fixture
def busy(web: Web) -> Web:
    """A turn in phase 2, others before it, and trouble in a queue."""
    for turn_id in range(1, 8):
        insert_turn(web.solver, turn_id)
        insert_statistic(web.solver, turn_id, 1, 1000 * turn_id**3)
    insert_turn(web.solver, 8, phase=2, deadline="2999-01-01T00:00:00Z")
    for debtor_id in (1, 2, -1):
        for status in range(4):
            insert_collector(web.solver, debtor_id, 2**40 + status, status)
    set_aside(web.worker, {"type": "<script>alert(1)</script>\u202e\u2066"})
    web.worker.execute(
        "insert into pgmq.q_inbox_3 (vt, message, enqueued_at)"
        " select '-infinity', '{}', '2026-03-01' from generate_series(1, 1234)"
    )
    return web


@pytest.mark.parametrize(
    ("arguments", "background"),
    [
        ([], "rgb(250, 250, 248)"),
        (["--force-dark-mode", "--blink-settings=preferredColorScheme=0"], "rgb(22, 24, 27)"),
    ],
    ids=["light", "dark"],
)
def test_an_operator_sees_what_goes_on(
    busy: Web, program: str, tmp_path: Path, arguments: list[str], background: str
) -> None:
    picture = tmp_path / "page.png"
    with served(with_person(busy.client.application.wsgi_app, "superuser")) as url:
        page = visit(program, url, tmp_path / "profile", f"--screenshot={picture}", *arguments)
    assert "Turn 8, phase 2: offers" in page
    assert "343\N{THIN SPACE}000" in page
    assert r"alert(1)&lt;/script&gt;\u202e\u2066" in page
    assert "1\N{THIN SPACE}234" in page
    assert "18446744073709551615" in page
    assert '<form id="login" hidden="">' in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert" not in page
    assert f'data-background="{background}"' in page
    # A picture of something: an empty page is smaller.
    assert picture.stat().st_size > 30_000


@pytest.mark.parametrize(
    ("token", "message"),
    [("unknown", "The token is not valid (any more)."), ("creditor", "The token does not allow this.")],
)
def test_a_token_that_is_not_good_enough(busy: Web, program: str, tmp_path: Path, token: str, message: str) -> None:
    with served(with_person(busy.client.application.wsgi_app, token)) as url:
        page = visit(program, url, tmp_path)
    assert message in page
    assert '<form id="login">' in page
    assert "Turn 8" not in page


def test_a_database_that_is_down(
    make_client: Callable[..., object], program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("admin.web.database.WAIT_SECONDS", 0.2)
    client = make_client()
    with served(with_person(client.application.wsgi_app, "superuser")) as url:  # type: ignore[attr-defined]
        page = visit(program, url, tmp_path)
    assert "A database does not answer now." in page

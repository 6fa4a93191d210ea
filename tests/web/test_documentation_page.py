"""The page of the API's documentation, in a real browser."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from tests.conftest import skip_or_fail
from tests.web.browser import browser, visit
from tests.web.conftest import Web
from tests.web.rows import insert_turn

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

pytestmark = pytest.mark.slow

PAGE = "/trade/.docs/"
# A person who gives a token, opens an operation, tries it out, and looks at the answer.
PERSON = """
document.addEventListener("securitypolicyviolation", (event) => {
  document.body.dataset.violations = `${document.body.dataset.violations || ""} ${event.effectiveDirective}`;
});
async function find(selector) {
  for (let tries = 0; tries < 300; tries++) {
    const found = document.querySelector(selector);
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  document.body.dataset.missing = selector;
  throw new Error(selector);
}
function type(input, text) {
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(input, text);
  input.dispatchEvent(new Event("input", { bubbles: true }));
}
(async () => {
  (await find(".auth-wrapper .authorize")).click();
  const token = await find("#auth-bearer-value");
  type(token, "superuser");
  token.closest("form").querySelector("button.authorize").click();
  (await find(".btn-done")).click();
  (await find("#operations-turns-getTurns .opblock-summary-control")).click();
  (await find("#operations-turns-getTurns .try-out__btn")).click();
  (await find("#operations-turns-getTurns .execute")).click();
  await find("#operations-turns-getTurns .live-responses-table .response-col_status");
  document.body.dataset.done = "yes";
})();
"""


class WithPerson:
    """The application, with the person in its page. `requests` are all that the browser makes."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app
        self.requests: list[tuple[str, str | None]] = []

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        if request.path == "/person.js":
            return Response(PERSON, mimetype="text/javascript")(environ, start_response)
        self.requests.append((request.full_path.rstrip("?"), request.headers.get("Authorization")))
        response = Response.from_app(self._app, environ)
        if request.path == PAGE:
            text = response.get_data(as_text=True)
            response.set_data(text.replace("</body>", '<script src="/person.js" defer></script></body>'))
        return response(environ, start_response)


@contextmanager
def served(app: WSGIApplication) -> Iterator[str]:
    """The URL of the page."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{PAGE}"
    finally:
        server.shutdown()
        thread.join()


def test_somebody_tries_an_operation_out(web: Web, tmp_path: Path) -> None:
    program = browser()
    if program is None:
        skip_or_fail("no browser")
    insert_turn(web.solver, 7)
    app = WithPerson(web.client.application.wsgi_app)
    with served(app) as url:
        page = visit(program or "", url, tmp_path, "--window-size=1000,3000")
    assert "data-missing" not in page, re.findall(r'data-missing="[^"]*"', page)
    assert 'data-done="yes"' in page
    # The server's own policy forbids nothing that the page does.
    assert "data-violations" not in page, re.findall(r'data-violations="[^"]*"', page)
    assert ("/trade/turns/?limit=20", "Bearer superuser") in app.requests
    status = re.search(r'class="response-col_status">\s*(\d+)', page[page.index("live-responses-table") :])
    assert status is not None
    assert status[1] == "200"
    # The answer is shown, and the scope of the operation is known.
    assert "TurnsList" in page
    # No token outlives the page, and nobody else was asked.
    assert {authorization for path, authorization in app.requests if not path.startswith("/trade/turns/")} == {None}

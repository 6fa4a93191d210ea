"""Cross-origin requests: pages from anywhere may read with a token; `cross_site` says what else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Response

from admin.web.access_rules import PREFIX

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

METHODS = "POST, GET, PUT, PATCH, DELETE"
REQUEST_HEADERS = "Authorization, Content-Type, X-Requested-With"
MAX_AGE_SECONDS = 86400
HEADERS = [("Access-Control-Allow-Origin", "*"), ("Access-Control-Expose-Headers", "Content-Type, Location")]


class Cors:
    """Answers preflight requests, and adds the headers of CORS to all other responses."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        is_preflight = environ["REQUEST_METHOD"] == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ
        if is_preflight and environ.get("PATH_INFO", "").startswith(PREFIX):
            return self._preflight()(environ, start_response)

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            return start_response(status, headers + HEADERS, exc_info)

        return self._app(environ, start)

    @staticmethod
    def _preflight() -> Response:
        response = Response(status=204, headers=HEADERS)
        response.headers["Access-Control-Allow-Methods"] = METHODS
        response.headers["Access-Control-Allow-Headers"] = REQUEST_HEADERS
        response.headers["Access-Control-Max-Age"] = str(MAX_AGE_SECONDS)
        return response

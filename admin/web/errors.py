"""Answers of what is in front of the application, in the form of the application's own."""

from __future__ import annotations

import json
from typing import Final

from werkzeug.http import HTTP_STATUS_CODES
from werkzeug.wrappers import Response

RETRY_AFTER: Final = "5"
"""Seconds: nobody need ask again before, when a server that we need does not answer."""


def json_error(code: int, message: str | None = None, challenge: str | None = None) -> Response:
    """An error as a JSON object. `challenge` says which token would be taken."""
    body: dict[str, object] = {"code": code, "status": HTTP_STATUS_CODES[code]}
    if message is not None:
        body["message"] = message
    headers = {} if challenge is None else {"WWW-Authenticate": challenge}
    if code == 503:
        headers["Retry-After"] = RETRY_AFTER
    return Response(json.dumps(body) + "\n", code, headers, mimetype="application/json")

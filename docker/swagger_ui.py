"""Serves an OpenAPI document and Swagger UI around it: `swagger_ui.py FILE [PORT]`.

In the document `$API_ROOT`, `$OAUTH2_AUTHORIZATION_URL`, `$OAUTH2_TOKEN_URL` and `$OAUTH2_REFRESH_URL` are replaced
by the variables of these names when the server starts.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from collections.abc import Mapping
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import flask_swagger_ui

PORT = 8080
VARIABLES = ("API_ROOT", "OAUTH2_AUTHORIZATION_URL", "OAUTH2_TOKEN_URL", "OAUTH2_REFRESH_URL")

_PLACEHOLDER = re.compile(r"\$(?:\{(\w+)\}|(\w+))")

_INITIALIZER = b"""window.ui = SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
  layout: "BaseLayout",
});
"""

_PAGE = b"""<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>Trade API</title>
    <link rel="stylesheet" href="swagger-ui.css">
  </head>
  <body>
    <div id="swagger-ui"></div>
    <script src="swagger-ui-bundle.js"></script>
    <script src="swagger-ui-standalone-preset.js"></script>
    <script src="initializer.js"></script>
  </body>
</html>
"""


def substitute(document: Any, environ: Mapping[str, str]) -> Any:
    """The document with the values of VARIABLES in the place of their names; those that are not set stay."""
    if isinstance(document, dict):
        return {key: substitute(value, environ) for key, value in document.items()}
    if isinstance(document, list):
        return [substitute(value, environ) for value in document]
    if not isinstance(document, str):
        return document

    def value_of(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        return environ.get(name, match[0]) if name in VARIABLES else match[0]

    return _PLACEHOLDER.sub(value_of, document)


class Handler(SimpleHTTPRequestHandler):
    """Swagger UI's own files, and three of ours."""

    def __init__(self, document: bytes, *arguments: Any) -> None:
        self.own = {
            "/": (_PAGE, "text/html; charset=utf-8"),
            "/openapi.json": (document, "application/json"),
            "/initializer.js": (_INITIALIZER, "text/javascript"),
        }
        super().__init__(*arguments, directory=str(Path(flask_swagger_ui.__file__).parent / "dist"))

    def do_GET(self) -> None:
        body, kind = self.own.get(self.path.partition("?")[0], (None, ""))
        if body is None:
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def list_directory(self, path: Any) -> None:
        """Lists nothing."""
        self.send_error(404)


def main(source: Path, port: int = PORT) -> None:
    """Serves until SIGTERM."""
    document = json.dumps(substitute(json.loads(source.read_bytes()), os.environ)).encode()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with ThreadingHTTPServer(("", port), partial(Handler, document)) as server:
        server.serve_forever()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:3]))

"""Serves an OpenAPI document and Swagger UI around it: `swagger_ui.py DOCUMENT FOLDER [PORT]`.

FOLDER holds the files of Swagger UI's distribution. Needs nothing but Python. When the server starts, `$API_ROOT`,
`$OAUTH2_AUTHORIZATION_URL`, `$OAUTH2_TOKEN_URL` and `$OAUTH2_REFRESH_URL` are replaced in the document by the variables
of these names. `BASE_URL` is the path under which everything is served, as requests carry it; `OAUTH2_REDIRECT_URL` is
where the authorization server sends users back to: `oauth2-redirect.html` here.

`swagger_ui.py --check [PORT]` asks such a server whether it answers.
"""

from __future__ import annotations

import json
import mimetypes
import os
import re
import signal
import sys
import urllib.request
from collections.abc import Mapping
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PORT = 8080
VARIABLES = ("API_ROOT", "OAUTH2_AUTHORIZATION_URL", "OAUTH2_TOKEN_URL", "OAUTH2_REFRESH_URL")
CLIENT_ID = "trade-swagger-ui"
CLIENT_SCOPES = "access access.readonly"

_PLACEHOLDER = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_BASE_URL = re.compile(r"(/[\w.~-]+)*")

# Tokens of the authorization code flow are asked for with the client's secret in the body.
_INITIALIZER = """window.ui = SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
  layout: "BaseLayout",
  validatorUrl: null,
  ...%(redirect)s
});
window.ui.initOAuth({
  clientId: %(client)s,
  scopes: %(scopes)s,
  useBasicAuthenticationWithAccessCodeGrant: false,
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

Files = dict[str, tuple[bytes, str]]
"""What is served: content and content type by the path of the request."""


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


def policy(environ: Mapping[str, str]) -> str:
    """What the page may load and ask: its own files, the API, and where tokens come from."""
    parts = [urlsplit(environ.get(name, "")) for name in VARIABLES]
    origins = " ".join(dict.fromkeys(f"{part.scheme}://{part.netloc}" for part in parts if part.netloc))
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' {origins}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def base_path(environ: Mapping[str, str]) -> str:
    """BASE_URL without the slash at its end: empty for `/`. Raises SystemExit when it is not a path."""
    path = "/" + environ.get("BASE_URL", "").strip("/")
    path = "" if path == "/" else path
    if not _BASE_URL.fullmatch(path):
        raise SystemExit(f"BASE_URL={environ['BASE_URL']!r} is not a path such as /trade-swagger-ui")
    return path


def initializer(environ: Mapping[str, str]) -> bytes:
    """The script that starts Swagger UI."""
    redirect = environ.get("OAUTH2_REDIRECT_URL", "")
    values = {
        "redirect": json.dumps({"oauth2RedirectUrl": redirect} if redirect else {}),
        "client": json.dumps(CLIENT_ID),
        "scopes": json.dumps(CLIENT_SCOPES),
    }
    return (_INITIALIZER % values).encode()


def files(document: bytes, folder: Path, environ: Mapping[str, str]) -> Files:
    """Swagger UI's own files, and three of ours."""
    base = base_path(environ)
    found = {
        f"{base}/{path.name}": (path.read_bytes(), mimetypes.guess_type(path.name)[0] or "text/plain")
        for path in folder.iterdir()
        if path.is_file()
    }
    return found | {
        f"{base}/": (_PAGE, "text/html; charset=utf-8"),
        f"{base}/openapi.json": (json.dumps(substitute(json.loads(document), environ)).encode(), "application/json"),
        f"{base}/initializer.js": (initializer(environ), "text/javascript"),
    }


class Handler(BaseHTTPRequestHandler):
    """Answers with files, and sends those to the page who forget the slash at its end."""

    timeout = 30.0

    def __init__(self, files: Files, policy: str, *arguments: Any) -> None:
        self._files = files
        self._policy = policy
        super().__init__(*arguments)

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self.wfile.write(self._answer())

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", self._policy)
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def _answer(self) -> bytes:
        path = self.path.partition("?")[0]
        body, kind = self._files.get(path, (b"", ""))
        if kind:
            self.send_response(200)
            self.send_header("Content-Type", kind)
        elif f"{path}/" in self._files:
            self.send_response(301)
            self.send_header("Location", f"{path}/")
        else:
            self.send_response(404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        return body


def check(port: int = PORT) -> None:
    """Raises an OSError unless the server of this container serves its document."""
    urllib.request.urlopen(f"http://127.0.0.1:{port}{base_path(os.environ)}/openapi.json", timeout=5).close()


def main(document: Path, folder: Path, port: int = PORT) -> None:
    """Serves until SIGTERM."""
    handler = partial(Handler, files(document.read_bytes(), folder, os.environ), policy(os.environ))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with ThreadingHTTPServer(("", port), handler) as server:
        server.serve_forever()


if __name__ == "__main__":
    if sys.argv[1] == "--check":
        check(*map(int, sys.argv[2:3]))
    else:
        main(Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:4]))

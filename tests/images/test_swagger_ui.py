"""The server of the documentation image: it needs Python only, and serves everything under one path."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import flask_swagger_ui
import pytest

PROGRAM = Path(__file__).parents[2] / "docker" / "swagger_ui.py"
FILES = Path(flask_swagger_ui.__file__).parent / "dist"
DOCUMENT = {
    "info": {"title": "Trade API", "description": "costs $HOME"},
    "servers": [{"url": "$API_ROOT"}, {"url": "/"}],
    "flow": {"authorizationUrl": "$OAUTH2_AUTHORIZATION_URL", "tokenUrl": "${OAUTH2_TOKEN_URL}"},
}
ADDRESSES = {
    "API_ROOT": "https://example.com/trade/",
    "OAUTH2_AUTHORIZATION_URL": "https://login.example.com/authorize",
    "OAUTH2_TOKEN_URL": 'https://example.com/"token"',
}

# Without site packages, as in the image, and on any port.
_ON_ANY_PORT = """
import http.server, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import swagger_ui

class Server(http.server.ThreadingHTTPServer):
    def __init__(self, address, handler):
        super().__init__(("127.0.0.1", 0), handler)
        print(self.server_port)

swagger_ui.ThreadingHTTPServer = Server
swagger_ui.main(Path(sys.argv[2]), Path(sys.argv[3]))
"""


@contextmanager
def serving(tmp_path: Path, **variables: str) -> Iterator[str]:
    """The address of a server with these variables."""
    document = tmp_path / "openapi.json"
    document.write_text(json.dumps(DOCUMENT))
    command = [sys.executable, "-I", "-S", "-u", "-c", _ON_ANY_PORT, str(PROGRAM.parent), str(document), str(FILES)]
    environ = {"PATH": os.environ["PATH"], "HOME": "not to be seen", **ADDRESSES, **variables}
    with subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()
    assert process.returncode == 0


def get(url: str) -> bytes:
    """The body of a good answer."""
    with urllib.request.urlopen(url, timeout=10) as response:
        body: bytes = response.read()
    return body


def status(url: str) -> int:
    """The status of any answer."""
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.slow
@pytest.mark.parametrize(("base_url", "path"), [("", ""), ("/", ""), ("/trade-swagger-ui", "/trade-swagger-ui")])
def test_everything_is_served_under_one_path(tmp_path: Path, base_url: str, path: str) -> None:
    with serving(tmp_path, BASE_URL=base_url) as root:
        page = get(f"{root}{path}/").decode()
        for file in [*re.findall(r'(?:src|href)="([^"]+)"', page), "oauth2-redirect.html", "oauth2-redirect.js"]:
            assert get(f"{root}{path}/{file}")
        for other in ("/../openapi.json", f"{path}/../swagger_ui.py", f"{path}/files", "/other/"):
            assert status(root + other) == 404
        if path:
            assert get(f"{root}{path}").decode() == page
            assert [status(root + other) for other in ("/", "/openapi.json")] == [404, 404]
        check = subprocess.run(
            [sys.executable, "-I", "-S", str(PROGRAM), "--check", root.rpartition(":")[2]],
            env={"BASE_URL": base_url},
            check=False,
        )
        assert check.returncode == 0


@pytest.mark.slow
def test_addresses_are_put_into_the_document_and_no_other_variable(tmp_path: Path) -> None:
    with serving(tmp_path) as root:
        served = json.loads(get(f"{root}/openapi.json"))
        with urllib.request.urlopen(f"{root}/", timeout=10) as response:
            policy = response.headers["Content-Security-Policy"]
        request = urllib.request.Request(f"{root}/swagger-ui.css", method="HEAD")
        with urllib.request.urlopen(request, timeout=10) as response:
            assert int(response.headers["Content-Length"]) == (FILES / "swagger-ui.css").stat().st_size
    assert served["info"] == DOCUMENT["info"]
    assert [server["url"] for server in served["servers"]] == ["https://example.com/trade/", "/"]
    assert served["flow"]["authorizationUrl"] == ADDRESSES["OAUTH2_AUTHORIZATION_URL"]
    assert served["flow"]["tokenUrl"] == ADDRESSES["OAUTH2_TOKEN_URL"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "connect-src 'self' https://example.com https://login.example.com;" in policy


@pytest.mark.slow
def test_users_log_in_as_the_client_of_this_page(tmp_path: Path) -> None:
    redirect = "https://example.com/trade-swagger-ui/oauth2-redirect.html"
    with serving(tmp_path, OAUTH2_REDIRECT_URL=redirect, BASE_URL="/trade-swagger-ui") as root:
        script = get(f"{root}/trade-swagger-ui/initializer.js").decode()
    assert f"...{json.dumps({'oauth2RedirectUrl': redirect})}" in script
    assert 'clientId: "trade-swagger-ui"' in script
    assert 'scopes: "access access.readonly"' in script
    assert "useBasicAuthenticationWithAccessCodeGrant: false" in script
    with serving(tmp_path) as root:
        assert "oauth2RedirectUrl" not in get(f"{root}/initializer.js").decode()


@pytest.mark.parametrize("base_url", ["/a b", "/a//b", "https://example.com/", "/a?b"])
def test_what_is_no_path_is_refused(tmp_path: Path, base_url: str) -> None:
    (tmp_path / "openapi.json").write_text("{}")
    command = [sys.executable, "-I", "-S", str(PROGRAM), str(tmp_path / "openapi.json"), str(FILES)]
    done = subprocess.run(command, env={"BASE_URL": base_url}, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "is not a path such as /trade-swagger-ui" in done.stderr

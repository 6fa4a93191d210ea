"""Writes the OpenAPI document of the admin Web API, with names in the place of addresses: `write_openapi.py FILE`."""

from __future__ import annotations

import sys
from pathlib import Path

from admin.web.app import create_app
from settings.config import load

# No server is asked for the document. What `swagger_ui.py` puts in has its place already.
NOBODY = {"SOLVER_POSTGRES_URL": "postgresql:///nobody", "OAUTH2_INTROSPECT_URL": "http://nobody.invalid/"}
ADDRESSES = ("API_ROOT", "OAUTH2_AUTHORIZATION_URL", "OAUTH2_TOKEN_URL", "OAUTH2_REFRESH_URL")
PLACES = {name: f"${name}" for name in ADDRESSES}


def main(target: Path) -> None:
    """Writes the document. Raises when there is none."""
    config = load("webserver", NOBODY | PLACES)
    response = create_app(config).test_client().get(f"{config.openapi_url_prefix}/openapi.json")
    if response.status_code != 200:
        raise SystemExit(f"no OpenAPI document: {response.status}")
    target.write_bytes(response.data)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

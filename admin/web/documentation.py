"""The OpenAPI document of the API, made from the code, and the page that shows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import flask
import flask_swagger_ui
from flask_smorest import Api
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from admin.web.access_rules import SCOPES, needs
from admin.web.identifiers import document_identifiers
from settings.config import Config

_LIBRARY = Path(flask_swagger_ui.__file__).parent / "dist"
_FILES = {
    "swagger-ui.css": (_LIBRARY, "text/css"),
    "swagger-ui-bundle.js": (_LIBRARY, "text/javascript"),
    "LICENSE": (_LIBRARY, "text/plain"),
    "page.js": (Path(__file__).parent / "static", "text/javascript"),
}


class TradeApi(Api):
    """Answers errors with JSON, and says which methods a path knows."""

    def handle_http_exception(self, error: HTTPException) -> tuple[dict[str, Any], int, dict[str, str]]:
        payload, code, headers = super().handle_http_exception(error)
        if isinstance(error, MethodNotAllowed) and error.valid_methods:
            headers = {**headers, "Allow": ", ".join(sorted(error.valid_methods))}
        return payload, code, headers


def document(app: flask.Flask, config: Config) -> Api:
    """Serves the document and its page from the application, and returns what blueprints are registered with."""
    app.config.update(
        API_TITLE=config.api_title,
        API_VERSION=config.api_version,
        OPENAPI_VERSION=config.openapi_version,
        API_SPEC_OPTIONS=_specification(config),
        OPENAPI_URL_PREFIX=config.openapi_url_prefix,
    )
    api = TradeApi(app)
    app.register_blueprint(_pages(config))
    document_identifiers(api)
    return api


def _specification(config: Config) -> dict[str, Any]:
    flow = {"tokenUrl": config.oauth2_token_url, "scopes": SCOPES}
    if config.oauth2_refresh_url:
        flow["refreshUrl"] = config.oauth2_refresh_url
    flows: dict[str, Any] = {"clientCredentials": flow}
    if config.oauth2_authorization_url:
        scopes = {name: SCOPES[name] for name in ("access.readonly", "access")}
        flows["authorizationCode"] = flow | {"authorizationUrl": config.oauth2_authorization_url, "scopes": scopes}
    oauth2 = {"type": "oauth2", "flows": flows}
    bearer = {"type": "http", "scheme": "bearer", "description": "An access token that you have already."}
    return {
        "servers": [{"url": url} for url in (config.api_root, "/") if url],
        "components": {"securitySchemes": {"oauth2": oauth2, "bearer": bearer}},
    }


def _pages(config: Config) -> flask.Blueprint:
    """The page and its files. Nothing comes from anywhere else, whatever OPENAPI_SWAGGER_UI_URL says."""
    pages = flask.Blueprint(
        "documentation", __name__, url_prefix=config.openapi_url_prefix, template_folder="templates"
    )
    origins = " ".join(dict.fromkeys(filter(None, map(_origin, (config.api_root, config.oauth2_token_url)))))
    policy = (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' {origins}; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )

    @needs(None)
    def page() -> str:
        return flask.render_template("documentation.html", title=config.api_title)

    @needs(None)
    def file(name: str) -> flask.Response:
        folder, mimetype = _FILES[name]
        return flask.send_from_directory(folder, "documentation.js" if name == "page.js" else name, mimetype=mimetype)

    @pages.after_request
    def protect(response: flask.Response) -> flask.Response:
        response.headers["Content-Security-Policy"] = policy
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    pages.add_url_rule("/", view_func=page)
    if config.openapi_swagger_ui_url:
        pages.add_url_rule(f"/{config.openapi_swagger_ui_path.strip('/')}", endpoint="swagger_ui", view_func=page)
    names = ", ".join(f"'{name}'" for name in _FILES)
    pages.add_url_rule(f"/swagger-ui-files/<any({names}):name>", view_func=file)
    return pages


def _origin(url: str) -> str:
    """Where a page has to be allowed to connect to for this URL; empty for an address on its own server."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") else ""

"""The OpenAPI document of the API, made from the code, and the pages that show it."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import flask
import flask_swagger_ui
from flask_smorest import Api
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from admin.web.access_rules import SCOPES
from admin.web.identifiers import document_identifiers
from settings.config import Config

SWAGGER_UI_FILES = "swagger-ui-files"
"""Folder under OPENAPI_URL_PREFIX with the files that OPENAPI_SWAGGER_UI_URL may point to."""

# Who serves the document to others replaces these.
_SPECIFICATION: dict[str, Any] = {
    "servers": [{"url": "$API_ROOT"}, {"url": "/"}],
    "components": {
        "securitySchemes": {
            "oauth2": {
                "type": "oauth2",
                "flows": {
                    "clientCredentials": {
                        "tokenUrl": "$OAUTH2_TOKEN_URL",
                        "refreshUrl": "$OAUTH2_REFRESH_URL",
                        "scopes": SCOPES,
                    }
                },
            }
        }
    },
}


class TradeApi(Api):
    """Answers errors with JSON, and says which methods a path knows."""

    def handle_http_exception(self, error: HTTPException) -> tuple[dict[str, Any], int, dict[str, str]]:
        payload, code, headers = super().handle_http_exception(error)
        if isinstance(error, MethodNotAllowed) and error.valid_methods:
            headers = {**headers, "Allow": ", ".join(sorted(error.valid_methods))}
        return payload, code, headers


def document(app: flask.Flask, config: Config) -> Api:
    """Serves the document and its pages from the application, and returns what blueprints are registered with."""
    app.config.update(
        API_TITLE=config.api_title,
        API_VERSION=config.api_version,
        OPENAPI_VERSION=config.openapi_version,
        API_SPEC_OPTIONS=deepcopy(_SPECIFICATION),
        OPENAPI_URL_PREFIX=config.openapi_url_prefix,
        OPENAPI_REDOC_PATH=config.openapi_redoc_path,
        OPENAPI_REDOC_URL=config.openapi_redoc_url or None,
        OPENAPI_SWAGGER_UI_PATH=config.openapi_swagger_ui_path,
        OPENAPI_SWAGGER_UI_URL=config.openapi_swagger_ui_url or None,
    )
    app.register_blueprint(_swagger_ui_files(config.openapi_url_prefix))
    api = TradeApi(app)
    document_identifiers(api)
    return api


def _swagger_ui_files(prefix: str) -> flask.Blueprint:
    files = Path(flask_swagger_ui.__file__).parent / "dist"
    return flask.Blueprint(
        SWAGGER_UI_FILES, __name__, url_prefix=prefix, static_folder=files, static_url_path=f"/{SWAGGER_UI_FILES}"
    )

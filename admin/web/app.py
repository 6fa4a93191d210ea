"""The Flask application of the admin Web API, with the check of tokens in front of it."""

from __future__ import annotations

import flask
import psycopg

from admin.web import collectors, dashboard, health, queues, set_aside, turns
from admin.web.cors import Cors
from admin.web.documentation import document
from admin.web.identifiers import register_converters
from admin.web.introspection import Introspector
from admin.web.roles import check_role
from admin.web.services import attach, connect, services_of
from admin.web.token_check import StripIdentity, TokenCheck
from settings.config import Config

MAX_BODY_BYTES = 65_536

_PUBLIC = ("health.Health", "dashboard.shell", "dashboard.asset")


def create_app(config: Config) -> flask.Flask:
    """The application that `webserver` serves. Every process needs one of its own.

    Raises ValueError when nothing says how tokens are checked, nor that they should not be.
    """
    if not config.oauth2_introspect_url and not config.app_webserver_no_token_check:
        raise ValueError("OAUTH2_INTROSPECT_URL is not set, so nobody could be told from a superuser")

    app = flask.Flask("admin.web", static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=MAX_BODY_BYTES)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    # Nobody is sent to an address made from a Host header.
    app.url_map.merge_slashes = False
    app.url_map.strict_slashes = False
    register_converters(app.url_map)

    attach(app, connect(config))
    app.before_request(check_role)
    api = document(app, config)
    for blueprint in (health, collectors, turns, queues, set_aside):
        api.register_blueprint(blueprint.blueprint)
    app.register_blueprint(dashboard.blueprint)
    documentation = {name for name in app.view_functions if name.startswith(("api-docs.", "swagger-ui-files."))}
    services_of(app).public_endpoints.update(_PUBLIC, documentation)
    app.register_error_handler(psycopg.OperationalError, _database_is_down)
    app.after_request(_forbid_guessing)

    _put_in_front(app, config)
    return app


def _put_in_front(app: flask.Flask, config: Config) -> None:
    """What a request passes before the application: first strip, then answer preflights, then check the token."""
    wsgi = app.wsgi_app
    if config.app_enable_cors:
        wsgi = Cors(wsgi, expose="Location")
    if not config.app_webserver_no_token_check:
        wsgi = Cors(TokenCheck(wsgi, Introspector(config.oauth2_introspect_url)), expose="Content-Type, Location")
    app.wsgi_app = StripIdentity(wsgi)  # type: ignore[method-assign]


def _database_is_down(error: psycopg.OperationalError) -> flask.typing.ResponseReturnValue:
    """Not reachable, shutting down, or too slow: worth another try later."""
    flask.current_app.logger.warning("a database does not answer: %s", error)
    body = {"code": 503, "status": "Service Unavailable", "message": "A database does not answer now."}
    return body, 503


def _forbid_guessing(response: flask.Response) -> flask.Response:
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Cache-Control", "no-store")
    return response

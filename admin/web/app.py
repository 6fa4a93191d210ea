"""The Flask application of the admin Web API, with the check of tokens in front of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import flask
import psycopg

from admin.web import (
    collectors,
    dashboard,
    health,
    queues,
    set_aside,
    statistics,
    turn_circles,
    turn_currencies,
    turn_traders,
    turns,
)
from admin.web.access_rules import AccessRules
from admin.web.cors import Cors
from admin.web.cross_site import CrossSiteCheck, HostCheck
from admin.web.dashboard_login import ProblemPages
from admin.web.documentation import document
from admin.web.errors import RETRY_AFTER
from admin.web.identifiers import register_converters
from admin.web.roles import role_check
from admin.web.services import attach, connect, services_of
from admin.web.token_check import StripIdentity, TokenCheck
from settings.config import Config
from sql.connections import is_trouble

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

MAX_BODY_BYTES = 65_536


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
    api = document(app, config)
    parts_of_turns = (turn_currencies, turn_traders, turn_circles)
    for blueprint in (health, collectors, turns, *parts_of_turns, queues, set_aside, statistics):
        api.register_blueprint(blueprint.blueprint)
    app.register_blueprint(dashboard.root)
    app.register_blueprint(dashboard.blueprint)
    rules = AccessRules(app)
    app.before_request(role_check(rules))
    app.register_error_handler(psycopg.Error, _database_is_down)
    app.after_request(_protect)

    _put_in_front(app, config, rules)
    return app


def _put_in_front(app: flask.Flask, config: Config, rules: AccessRules) -> None:
    """What a request passes before the application: first strip, then answer preflights, then check."""
    wsgi: WSGIApplication = app.wsgi_app if config.app_enable_cors else CrossSiteCheck(app.wsgi_app)
    introspector = services_of(app).introspector
    if introspector is None:
        wsgi = HostCheck(wsgi, config.app_webserver_host_names)
    else:
        wsgi = Cors(TokenCheck(wsgi, introspector, rules.of_request))
    app.wsgi_app = StripIdentity(ProblemPages(wsgi))  # type: ignore[method-assign]


def _database_is_down(error: psycopg.Error) -> flask.typing.ResponseReturnValue:
    """Not reachable, shutting down, read-only, or too slow: worth another try later. Everything else is our fault."""
    if not is_trouble(error):
        raise error
    flask.current_app.logger.warning("a database does not answer: %s", error)
    body = {"code": 503, "status": "Service Unavailable", "message": "A database does not answer now."}
    return body, 503, {"Retry-After": RETRY_AFTER}


def _protect(response: flask.Response) -> flask.Response:
    response.headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Cache-Control", "no-store")
    return response

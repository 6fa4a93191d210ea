"""The dashboard: pages for people who operate the service, made from the databases.

All are below `/trade/dashboard/` and need a token like every other resource; browsers send it in a cookie (see
`dashboard_login`). They are made here as a whole: without a script, only the refreshing is missing.
"""

from __future__ import annotations

import flask

from admin.web import (
    dashboard_collectors,
    dashboard_currencies,
    dashboard_held,
    dashboard_log,
    dashboard_login,
    dashboard_oauth,
    dashboard_overview,
    dashboard_queues,
    dashboard_shards,
    dashboard_turns,
)
from admin.web.access_rules import READ_METHODS, needs
from admin.web.cross_site import is_cross_site
from admin.web.dashboard_words import FILTERS
from admin.web.token_check import DASHBOARD, TOKEN_COOKIE
from reports.page import DRAWING_STYLE
from reports.strip import strip

PAGES = (
    ("dashboard.overview.page", "Overview"),
    ("dashboard.turns.history", "Turns"),
    ("dashboard.currencies.page", "Currencies"),
    ("dashboard.shards.page", "Shards"),
    ("dashboard.held.page", "Held"),
    ("dashboard.log.page", "Log"),
)
"""What the navigation leads to."""

root = flask.Blueprint("root", __name__)
blueprint = flask.Blueprint("dashboard", __name__, url_prefix=DASHBOARD.rstrip("/"), template_folder="templates")
for part in (
    dashboard_overview,
    dashboard_turns,
    dashboard_held,
    dashboard_log,
    dashboard_login,
    dashboard_oauth,
    dashboard_currencies,
    dashboard_collectors,
    dashboard_shards,
    dashboard_queues,
):
    blueprint.register_blueprint(part.blueprint)
for name, function in FILTERS.items():
    blueprint.add_app_template_filter(function, name)

_ASSETS = {"style.public": ("style.css", "text/css"), "script.public": ("script.js", "text/javascript")}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


@root.get("/")
@needs(None)
def to_the_dashboard() -> flask.typing.ResponseReturnValue:
    """There is one address to remember."""
    return flask.redirect(DASHBOARD, 303)


@blueprint.get("/<any('style.public', 'script.public'):name>")
@needs(None)
def asset(name: str) -> flask.Response:
    """Script and style of the pages."""
    file, mimetype = _ASSETS[name]
    return flask.send_from_directory(f"{blueprint.root_path}/static", file, mimetype=mimetype)


@blueprint.get("/drawing.public")
@needs(None)
def drawing() -> flask.Response:
    """The style of drawings, the same as in reports."""
    return flask.Response(DRAWING_STYLE, mimetype="text/css")


@blueprint.app_context_processor
def _everywhere() -> dict[str, object]:
    return {"dashboard_pages": PAGES, "token_cookie": TOKEN_COOKIE, "strip": strip}


@blueprint.before_request
def _refuse_other_sites() -> None:
    """What pages of other sites send changes nothing here, even with APP_ENABLE_CORS: a cookie goes with it."""
    if flask.request.method not in READ_METHODS and is_cross_site(flask.request.environ):
        flask.abort(403)


@blueprint.after_request
def _protect(response: flask.Response) -> flask.Response:
    response.headers["Content-Security-Policy"] = _POLICY
    # Other sites are told nothing; the own one, which checks whence a change comes, is.
    response.headers["Referrer-Policy"] = "same-origin"
    return response

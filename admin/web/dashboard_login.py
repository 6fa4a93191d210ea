"""Who looks at the dashboard: an access token in a cookie that no script can read, and the page that asks for it.

The cookie goes to the dashboard only, and counts there like the header `Authorization`, which comes first: a proxy that
adds tokens needs no cookie. Nothing is kept here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import flask
from werkzeug.wrappers import Request, Response

from admin.web.access_rules import READ_METHODS, needs
from admin.web.services import services
from admin.web.token_check import DASHBOARD, TOKEN_COOKIE, is_token

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

LONGEST_TOKEN: Final = 3800
"""Characters; browsers keep cookies of 4,096."""

_PROBLEM: Final = "swpt_trade.dashboard_problem"
_PROBLEM_PATH: Final = f"{DASHBOARD}problem/public"
_ADDRESS = re.compile(r"/trade/dashboard/(?:[A-Za-z0-9][A-Za-z0-9._-]*/?)*(?:\?[A-Za-z0-9._=&%+-]*)?")

blueprint = flask.Blueprint("login", __name__)


class ProblemPages:
    """Shows browsers a page where a page of the dashboard is refused or fails; others get JSON, as everywhere."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ, populate_request=False)
        if not request.path.startswith(DASHBOARD) or "text/html" not in request.headers.get("Accept", ""):
            return self._app(environ, start_response)
        address = request.full_path.rstrip("?") if request.method in READ_METHODS else DASHBOARD
        response = Response.from_app(self._app, environ)
        if response.status_code >= 400 and response.mimetype == "application/json":
            message = (response.get_json(silent=True) or {}).get("message", "")
            page = environ | {
                "REQUEST_METHOD": "GET",
                "PATH_INFO": _PROBLEM_PATH,
                "QUERY_STRING": "",
                _PROBLEM: (response.status_code, message, address),
            }
            response.close()
            response = Response.from_app(self._app, page)
        return response(environ, start_response)


@blueprint.get("/problem/public")
@needs(None)
def problem() -> flask.typing.ResponseReturnValue:
    """What stands where a page can not be shown. Who comes to its own address has no problem."""
    if _PROBLEM not in flask.request.environ:
        return flask.redirect(DASHBOARD, 303)
    status, message, address = flask.request.environ[_PROBLEM]
    if status == 401:
        had_one = TOKEN_COOKIE in flask.request.cookies or "Authorization" in flask.request.headers
        return login_form(401, "The token is not valid (any more)." if had_one else "", address)
    if status == 403 and flask.request.cookies.get(TOKEN_COOKIE):
        return login_form(403, "The token does not allow this.", address)
    text = {404: "There is no such page (any more)."}.get(status) or message or f"The server answers {status}."
    return flask.render_template("problem.html", text=text), status


@blueprint.get("/login/public")
@needs(None)
def login() -> flask.typing.ResponseReturnValue:
    """The form that asks for a token."""
    return login_form(200, "", flask.request.args.get("to", DASHBOARD))


@blueprint.post("/login/public")
@needs(None)
def log_in() -> flask.typing.ResponseReturnValue:
    """Keeps the token in a cookie; whether it is good the next page says."""
    token, address = flask.request.form.get("token", "").strip(), flask.request.form.get("to", DASHBOARD)
    if not is_token(token):
        return login_form(400, "This is no token.", address)
    if len(token) > LONGEST_TOKEN:
        return login_form(400, f"Browsers keep no token of more than {LONGEST_TOKEN:,} characters.", address)
    return logged_in(token, address)


@blueprint.post("/logout/public")
@needs(None)
def log_out() -> flask.typing.ResponseReturnValue:
    """Forgets the token."""
    response = flask.redirect(f"{DASHBOARD}login/public", 303)
    response.delete_cookie(TOKEN_COOKIE, path=DASHBOARD, secure=is_secure(), httponly=True, samesite="Lax")
    return response


def logged_in(token: str, address: str, seconds: int | None = None) -> flask.typing.ResponseReturnValue:
    """Sends the browser to an address of the dashboard, with the token in its cookie.

    It keeps that for so many seconds; None: until it is closed.
    """
    response = flask.redirect(own_address(address), 303)
    response.set_cookie(
        TOKEN_COOKIE, token, max_age=seconds, path=DASHBOARD, secure=is_secure(), httponly=True, samesite="Lax"
    )
    return response


def login_form(status: int, message: str, address: str) -> flask.typing.ResponseReturnValue:
    """The page that asks for a token, with what is wrong."""
    config = services().config
    page = flask.render_template(
        "login.html",
        message=message,
        address=own_address(address),
        is_checked=not config.app_webserver_no_token_check,
        by_server=config.has_dashboard_login,
    )
    return page, status


def own_address(address: str) -> str:
    """The address, if it is one of the dashboard; otherwise that of its first page."""
    return address if _ADDRESS.fullmatch(address) else DASHBOARD


def is_secure() -> bool:
    """Whether browsers reach this server by HTTPS, as far as that can be told behind a proxy."""
    request = flask.request
    by_proxy = request.headers.get("X-Forwarded-Proto", "").partition(",")[0].strip() == "https"
    return request.is_secure or by_proxy or urlsplit(services().config.api_root).scheme == "https"

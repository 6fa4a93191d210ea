"""Logging in to the dashboard by the server that makes the tokens: OAuth 2, authorization code with PKCE (S256).

What belongs to a login that has begun (state, nonce, verifier, and where to go afterwards) is in a cookie of the
browser that began it, for ten minutes; here nothing is kept.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import logging
import secrets
from typing import Any, Final
from urllib.parse import quote_plus, urlencode, urljoin, urlsplit

import flask
import httpx

from admin.web.access_rules import needs
from admin.web.dashboard_login import LONGEST_TOKEN, is_secure, logged_in, login_form
from admin.web.services import services
from admin.web.token_check import DASHBOARD, is_token
from settings.config import Config

logger = logging.getLogger(__name__)

blueprint = flask.Blueprint("oauth", __name__, url_prefix="/login")

LOGIN_COOKIE: Final = "swpt_trade_login"
LOGIN_SECONDS: Final = 600
TOKEN_SECONDS: Final = 5.0
"""For the token server's answer."""

MAX_ANSWER_BYTES: Final = 65_536
_PATH: Final = f"{DASHBOARD}login/"


class LoginError(Exception):
    """The login did not succeed. The message says why."""


@blueprint.get("/start.public")
@needs(None)
def start() -> flask.typing.ResponseReturnValue:
    """Sends the browser to where its user logs in."""
    config = services().config
    if not config.has_dashboard_login:
        return flask.redirect(f"{DASHBOARD}login/public", 303)
    login = {
        "state": secrets.token_urlsafe(32),
        "nonce": secrets.token_urlsafe(32),
        "verifier": secrets.token_urlsafe(48),
        "to": flask.request.args.get("to", DASHBOARD),
    }
    challenge = hashlib.sha256(login["verifier"].encode()).digest()
    query = {
        "response_type": "code",
        "client_id": config.app_dashboard_client_id,
        "redirect_uri": _callback(config),
        "scope": config.app_dashboard_scope,
        "state": login["state"],
        "nonce": login["nonce"],
        "code_challenge": base64.urlsafe_b64encode(challenge).decode().rstrip("="),
        "code_challenge_method": "S256",
    }
    url = config.oauth2_authorization_url
    response = flask.redirect(f"{url}{'&' if urlsplit(url).query else '?'}{urlencode(query)}", 303)
    response.set_cookie(
        LOGIN_COOKIE,
        base64.urlsafe_b64encode(json.dumps(login).encode()).decode(),
        max_age=LOGIN_SECONDS,
        path=_PATH,
        secure=is_secure(),
        httponly=True,
        samesite="Lax",
    )
    return response


@blueprint.get("/callback.public")
@needs(None)
def callback() -> flask.typing.ResponseReturnValue:
    """Where the browser comes back to: gets the token for the code, and keeps it as one that was pasted."""
    config, arguments = services().config, flask.request.args
    login = _begun(flask.request.cookies.get(LOGIN_COOKIE, ""))
    try:
        if not config.has_dashboard_login or login is None:
            raise LoginError("This login was not begun here, or too long ago. Begin it again.")
        if not hmac.compare_digest(arguments.get("state", "").encode(), login["state"].encode()):
            raise LoginError("This is the answer to another login. Begin it again.")
        if "error" in arguments:
            said = arguments.get("error_description") or arguments["error"]
            raise LoginError(f"The login server says: {said[:200]}")
        token, seconds = _token(config, arguments.get("code", ""), login)
    except LoginError as error:
        logger.warning("a login to the dashboard failed: %s", error)
        response = flask.make_response(login_form(400, str(error), login["to"] if login else DASHBOARD))
    else:
        response = flask.make_response(logged_in(token, login["to"], seconds))
    # A code and its verifier are good for once.
    response.delete_cookie(LOGIN_COOKIE, path=_PATH, secure=is_secure(), httponly=True, samesite="Lax")
    return response


def _begun(cookie: str) -> dict[str, str] | None:
    """What the browser keeps of a login that it has begun; None: nothing that could be one."""
    try:
        login = json.loads(base64.urlsafe_b64decode(cookie))
    except (ValueError, binascii.Error):
        return None
    names = ("state", "nonce", "verifier", "to")
    is_whole = isinstance(login, dict) and all(isinstance(login.get(name), str) and login[name] for name in names)
    return login if is_whole else None


def _token(config: Config, code: str, login: dict[str, str]) -> tuple[str, int | None]:
    """The access token for a code, and for how many seconds it is good, if that is told."""
    answer = _ask(config, code, login["verifier"])
    token, kind = answer.get("access_token"), answer.get("token_type")
    if not isinstance(token, str) or not is_token(token) or not isinstance(kind, str) or kind.lower() != "bearer":
        raise LoginError("The token server did not answer with a bearer token.")
    if len(token) > LONGEST_TOKEN:
        raise LoginError(f"Browsers keep no token of more than {LONGEST_TOKEN:,} characters.")
    if "openid" in config.app_dashboard_scope.split():
        # It comes from the token server itself, so its signature would say nothing new (OpenID Connect Core, 3.1.3.7).
        claims = _claims(answer.get("id_token"))
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        if config.app_dashboard_client_id not in audiences or claims.get("nonce") != login["nonce"]:
            raise LoginError("The token server answered with a token of another login.")
    seconds = answer.get("expires_in")
    return token, seconds if type(seconds) is int and seconds > 0 else None


def _ask(config: Config, code: str, verifier: str) -> dict[str, Any]:
    """What the token server answers to a code."""
    name, secret = config.app_dashboard_client_id, config.app_dashboard_client_secret
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": _callback(config),
        "code_verifier": verifier,
    }
    auth = None
    if secret and config.app_introspect_client_auth == "basic":
        # RFC 6749, 2.3.1: each of them is encoded like a form.
        auth = httpx.BasicAuth(quote_plus(name), quote_plus(secret))
    else:
        form |= {"client_id": name, **({"client_secret": secret} if secret else {})}
    headers = {"Accept": "application/json", "Accept-Encoding": "identity", "X-Forwarded-Proto": "https"}
    body = bytearray()
    try:
        with (
            httpx.Client(timeout=TOKEN_SECONDS, trust_env=config.app_introspect_env_proxies) as client,
            client.stream("POST", config.oauth2_token_url, data=form, auth=auth, headers=headers) as response,
        ):
            for chunk in response.iter_raw():
                body += chunk
                if len(body) > MAX_ANSWER_BYTES:
                    raise LoginError("The token server answered too much.")
            status = response.status_code
    except httpx.HTTPError as error:
        raise LoginError(f"The token server can not be reached: {type(error).__name__}.") from None
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    if status != httpx.codes.OK or not isinstance(answer, dict):
        said = answer.get("error") if isinstance(answer, dict) else None
        raise LoginError(f"The token server answered {status}{f' ({said})' if isinstance(said, str) else ''}.")
    return answer


def _claims(id_token: object) -> dict[str, Any]:
    """What an ID token says; empty when it is none."""
    try:
        payload = str(id_token).split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _callback(config: Config) -> str:
    """The address of `callback`, as browsers reach it, and as the login server knows it."""
    return urljoin(config.api_root.rstrip("/") + "/", "dashboard/login/callback.public")

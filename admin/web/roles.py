"""What a user is, by the name that the token check puts into a header, and what that allows."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Final, Literal, ParamSpec, TypeVar

import flask
from flask_smorest import abort

from admin.web.services import services
from admin.web.token_check import IS_PUBLIC
from settings.config import Config

P = ParamSpec("P")
R = TypeVar("R")

UserType = Literal["superuser", "supervisor", "creditor", "unknown"]

USER_ID_HEADER: Final = "X-Swpt-User-Id"

_CREDITOR_ID = re.compile(r"[0-9]{1,20}")


def user_type(config: Config, subject: str | None) -> UserType:
    """What the user with this name is. No name (None): somebody behind a proxy that checks tokens, a superuser."""
    if subject is None or config.superuser_subject.match(subject):
        return "superuser"
    if config.supervisor_subject.match(subject):
        return "supervisor"
    creditor = config.app_creditor_subject_regex.match(subject)
    if creditor and _CREDITOR_ID.fullmatch(creditor[1] or "") and int(creditor[1]) < 2**64:
        return "creditor"
    return "unknown"


def current_user() -> str:
    """The name of the user who makes this request, for records."""
    return flask.request.headers.get(USER_ID_HEADER, "(no token check)")


def check_role() -> None:
    """Before every request: everything that is not public is for superusers and supervisors."""
    request = flask.request
    # What was not found needs no role; OPTIONS tells nothing.
    if request.endpoint is None or request.method == "OPTIONS" or request.endpoint in services().public_endpoints:
        return
    if IS_PUBLIC in request.environ or _current_type() not in ("superuser", "supervisor"):
        abort(403, message="This is for superusers and supervisors.")


def superuser_only(view: Callable[P, R]) -> Callable[P, R]:
    """Refuses everybody else. To be the outermost decorator of a view."""

    @functools.wraps(view)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        if _current_type() != "superuser":
            abort(403, message="This is for superusers.")
        return view(*args, **kwargs)

    return checked


def _current_type() -> UserType:
    return user_type(services().config, flask.request.headers.get(USER_ID_HEADER))

"""What a user is, by the name that the token check puts into a header, and what that allows."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Final, Literal, ParamSpec, TypeVar

import flask
from flask_smorest import abort

from admin.web.access_rules import READ_METHODS, AccessRules
from admin.web.services import services
from admin.web.token_check import GRANTED_SCOPE
from settings.config import Config

P = ParamSpec("P")
R = TypeVar("R")

UserType = Literal["superuser", "supervisor", "owner", "creditor", "unknown"]

USER_ID_HEADER: Final = "X-Swpt-User-Id"

_CREDITOR_ID = re.compile(r"[0-9]{1,20}")


def user_type(config: Config, subject: str | None) -> UserType:
    """What the user with this name is. No name (None): somebody behind a proxy that checks tokens, a superuser."""
    if subject is None or config.superuser_subject.fullmatch(subject):
        return "superuser"
    if config.supervisor_subject.fullmatch(subject):
        return "supervisor"
    creditor = config.app_creditor_subject_regex.fullmatch(subject)
    if creditor and _CREDITOR_ID.fullmatch(creditor[1] or "") and int(creditor[1]) < 2**64:
        is_owner = config.owner_creditor_id is not None and int(creditor[1]) == config.owner_creditor_id % 2**64
        return "owner" if is_owner else "creditor"
    return "unknown"


def current_user() -> str:
    """The name of the user who makes this request, for records."""
    return flask.request.headers.get(USER_ID_HEADER, "(no token check)")


def role_check(rules: AccessRules) -> Callable[[], None]:
    """What is done before every request: everything that is not public is for superusers and supervisors.

    The owner may read it, and change nothing.
    """

    def check() -> None:
        request = flask.request
        # What was not found needs no role.
        if request.endpoint is None:
            return
        access = rules.of_endpoint(request.endpoint, request.method)
        if access.scope is None:
            return
        # In front of the application the same was found out about the same request; if not, nobody may do anything.
        if not services().config.app_webserver_no_token_check and request.environ.get(GRANTED_SCOPE) != access.scope:
            abort(403, message="No token was checked for this.")
        allowed = ("superuser", "supervisor", *(("owner",) if request.method in READ_METHODS else ()))
        if _current_type() not in allowed:
            abort(403, message="This is for superusers and supervisors.")

    return check


def superuser_only(view: Callable[P, R]) -> Callable[P, R]:
    """Refuses everybody else. To be the outermost decorator of a view."""

    @functools.wraps(view)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        if not is_superuser():
            abort(403, message="This is for superusers.")
        return view(*args, **kwargs)

    return checked


def is_superuser() -> bool:
    """Whether a superuser makes this request."""
    return _current_type() == "superuser"


def _current_type() -> UserType:
    return user_type(services().config, flask.request.headers.get(USER_ID_HEADER))

"""Which scope a token needs for a request: the first rule that fits decides."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

PREFIX: Final = "/trade/"
SCOPES: Final = {
    "access.readonly": "read-only access",
    "access": "all access that is not listed here",
    "activate": "make sure that there are collector accounts",
    "deactivate": "reserved",
}
"""All scopes, and what they allow."""

_READ = ("GET", "HEAD")
_WRITE = ("POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True, slots=True)
class Access:
    """What a request needs: a token with this scope, or nothing if the scope is None."""

    scope: str | None


def access_to(method: str, path: str) -> Access | None:
    """What a request with this method and (decoded) path needs. None: there is nothing under this path."""
    if not path.startswith(PREFIX):
        return None
    if method == "OPTIONS":
        return Access(None)
    if method in _READ and (
        path == "/trade/.docs" or path.startswith("/trade/.docs/") or path.endswith((".public", "/public", "-public"))
    ):
        return Access(None)
    if method == "POST" and _is_last_word(path, "lookup"):
        return Access("access.readonly")
    if method in _READ:
        return Access("access.readonly")
    if method == "POST" and (_is_last_word(path, "reserve") or _is_last_word(path, "activate")):
        return Access("activate")
    if method == "POST" and _is_last_word(path, "deactivate"):
        return Access("deactivate")
    if method in _WRITE:
        return Access("access")
    return None


def is_granted(required: str, scopes: Collection[str]) -> bool:
    """Whether these scopes allow what needs the required one: a scope covers itself and everything below a dot."""
    return any(required == scope or (scope and required.startswith(f"{scope}.")) for scope in scopes)


def _is_last_word(path: str, word: str) -> bool:
    # Never with a regular expression's $, which also matches before a line feed at the end.
    return path.endswith((f".{word}", f"/{word}", f"-{word}"))

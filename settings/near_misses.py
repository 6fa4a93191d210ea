"""Variables that look as if they were meant for us, but are no settings: nobody would notice a misspelt one."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping

from settings.secret_files import SUFFIX

_LIKENESS = 0.87

_COMMON = {"API_TITLE", "API_VERSION", "OPENAPI_VERSION"}
"""Settings whose names other programs have, too, or nearly so: nothing is taken for a misspelling of them."""

_GENERAL = {"APP_LOG_LEVEL", "APP_LOG_FORMAT", "APP_ENABLE_CORS", "APP_METRICS_PORT", "APP_METRICS_HOST"}
"""Many programs have a LOG_LEVEL: one with the prefix of another program is not meant for us."""

_OUR_PREFIXES = {"SWPT", "TRADE", "SWAPTACULAR"}

_OTHER_PURPOSES = {"USER", "USERNAME", "PASSWORD", "HOST", "PORT", "NAME", "DB", "DATABASE"}
"""Last words of variables that somebody puts URLs together from."""

# What Kubernetes and links of containers set, and values that nothing else has.
_SERVICE_LINK = re.compile(r"\w+_(SERVICE_(HOST|PORT)|PORT_\d+_(TCP|UDP|SCTP))(_\w+)?")
SERVICE_LINK_VALUE = re.compile(r"(tcp|udp|sctp)://\S+")


def near_misses(environ: Mapping[str, str], settings: Collection[str], secrets: Collection[str]) -> list[str]:
    """One line for each variable that is probably misspelt. Values are not shown.

    `settings`: the names of all variables that are read; `secrets`: those of them that may be in files.
    """
    known = {*settings, *(name + SUFFIX for name in secrets)}
    lines = []
    for name, value in sorted(environ.items()):
        if name in known or _SERVICE_LINK.fullmatch(name) or SERVICE_LINK_VALUE.match(value):
            continue
        if name.removesuffix(SUFFIX) in settings:
            lines.append(f"{name} is ignored: only secrets are read from files, {name.removesuffix(SUFFIX)} is not one")
            continue
        meant = _meant(name, known - _COMMON)
        # Deployments may well keep the value of a setting in a variable of their own.
        if meant is not None and environ.get(meant) != value:
            lines.append(f"{name} is ignored, there is no such setting: is {meant} meant?")
    return lines


def _meant(name: str, known: Collection[str]) -> str | None:
    """The setting that such a name is probably meant to be."""
    plain = re.sub(r"[^A-Z0-9]+", "_", name.upper()).strip("_")
    if plain in known:
        return plain
    words = plain.split("_")
    if len(words) < 2:
        return None
    for start in range(len(words)):
        tail = "_".join(words[start:])
        for found in (tail, f"APP_{tail}"):
            if found in known and (found not in _GENERAL or {*words[:start]} <= _OUR_PREFIXES):
                return found
    turned = sorted(words)
    for found in known:
        if sorted(found.split("_")) == turned:
            return found
    for found in difflib.get_close_matches(plain, sorted(known), 1, _LIKENESS):
        last = words[-1]
        is_of_another = found in _GENERAL and words[0] != "APP"
        if not is_of_another and (last not in _OTHER_PURPOSES or found.endswith(last)):
            return found
    return None

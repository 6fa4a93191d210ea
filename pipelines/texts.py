"""Texts from outside, made harmless before they reach a log, a terminal or a page."""

from __future__ import annotations

import re
import unicodedata

LONGEST = 300
"""Characters of one text in a line of ours."""
LONGEST_LINE = 2000
MOST_LINES = 200
LONGEST_NAME = 40
"""Characters of the name of a currency, or of its abbreviation: so many are allowed in a document."""

# Letters, to Unicode, that show nothing: fillers of Hangul, an empty pattern of Braille, a joiner.
_NOTHING = dict.fromkeys(map(ord, "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"))

# All patterns here are linear: what can repeat without end gives nothing back (`*+`), and only follows what is limited
# and is rarely found; so no part of a text is looked at again and again.
_WORD = re.compile(r"\S++")
_USER = re.compile(r"://[^:/@]*+[:/@]")
_SECRET_NAME = (
    r"pass(?:word|wd|phrase|code)|pwd|secret|credential|authorization|cookie|api[_-]?key|"
    r"(?:access|account|private|shared|signing|encryption|master)[_-]?key|"
    r"(?:access|refresh|id|auth|bearer|session|client|security|api)[_-]?token|jwt|"
    r"(?<![a-z])(?:token|pass)(?=[\"'\\]{0,8}\s{0,8}=|\\{0,8}[\"'])"
)
# Such values tell where the secret is, or what kind: they are no secrets.
_NO_SECRET = r"(?![\w-]{0,40}(?:file|path|url|uri|type|encryption|regex)(?![a-z]))"
_VALUE = "|".join(
    (
        r"\\{1,8}(?:'[^']*+(?:'|\Z)|\"[^\"]*+(?:\"|\Z))",  # quotes in a text that is itself quoted
        r"[bru]{0,2}'(?:[^'\\]|\\.|'')*+(?:'|\\?\Z)",
        r"[bru]{0,2}\"(?:[^\"\\]|\\.)*+(?:\"|\\?\Z)",
        r"[\[{(][^\])}]*+[\])}]?",
        # In the query of a URL, the next parameter begins at `&`; elsewhere, that may be a part of the password.
        r"(?:(?:bearer|basic|digest|negotiate|token)\s{1,8})?[^\s\"'](?(query)[^\s&]*+|(?:\\.|[^\s\\])*+)",
    )
)
_NAMED_SECRET = re.compile(
    rf"((?P<query>[?&][\w.-]{{0,40}}?)?(?:{_SECRET_NAME}){_NO_SECRET}[\w-]{{0,40}}"
    rf"\\{{0,8}}[\"']?\]?\s{{0,8}}(?:=>|%3d|[:=])\s{{0,8}})(?!\*\*\*)(?:{_VALUE})",
    re.IGNORECASE | re.DOTALL,
)
_BEARER = re.compile(r"\b(bearer\s{1,8})[\w.~+/=-]++", re.IGNORECASE)


def shown(text: object, longest: int = LONGEST) -> str:
    """The text, or what the object says of itself: cut, without passwords, and without control characters.

    These are shown as in a Python literal (`\\x1b`, `\\u202e`, `\\n`): line breaks, escape sequences of terminals,
    marks that turn the direction of writing, half surrogate pairs, and everything else that can not be seen.
    """
    whole = text if isinstance(text, str) else str(text)
    if len(whole) <= longest:
        return _visible(hide_passwords(whole))
    return f"{_visible(hide_passwords(whole[:longest], is_cut=True))}… ({len(whole)} characters)"


def shown_lines(text: object, longest: int = LONGEST_LINE) -> str:
    """The same for texts that may have lines: these stay. Of very many, the first and the last are shown."""
    whole = text if isinstance(text, str) else str(text)
    lines = whole.strip().split("\n", 100 * MOST_LINES)
    if len(lines) > MOST_LINES:
        half = MOST_LINES // 2
        lines = [*lines[:half], f"… ({len(lines) - MOST_LINES} lines)", *lines[-half:]]
    return "\n".join(shown(line.rstrip("\r"), longest) for line in lines)


def plain_name(text: object, longest: int = LONGEST_NAME) -> str | None:
    """A name that somebody gave himself, on one line, cut, and without what can not be seen; None: nothing is left.

    Nothing is left of whatever is no text, either. Marks that turn the direction of writing are gone, letters of such
    scripts are not; `isolated` keeps these to themselves.
    """
    if not isinstance(text, str):
        return None
    # Composed letters are one character, of which many marks on a letter are left out with the rest.
    whole = unicodedata.normalize("NFC", text[: 25 * longest].translate(_NOTHING))
    seen = "".join(letter for letter in " ".join(whole.split()) if letter.isprintable())
    return " ".join(seen[:longest].split()) or None


def isolated(text: str) -> str:
    """The text, within marks that let its direction of writing turn nothing around it, if it has letters that would."""
    if any(unicodedata.bidirectional(letter) in ("R", "AL", "AN") for letter in text):
        return f"\u2068{text}\u2069"
    return text


def hide_passwords(text: str, is_cut: bool = False) -> str:
    """The text with all passwords and other secrets in it replaced by `***`: in URLs, after names such as `password`.

    It hides rather too much than a password. `is_cut`: the end is missing, maybe the end of a URL.
    """
    hidden = _WORD.sub(_without_userinfo, text) if "://" in text else text
    if is_cut:
        hidden = _without_broken_url(hidden)
    return _BEARER.sub(r"\1***", _NAMED_SECRET.sub(r"\1***", hidden))


def _without_userinfo(word: re.Match[str]) -> str:
    """Up to the last @ of a word: a password with an unescaped @ in it must be hidden as a whole."""
    text = word[0]
    at = text.rfind("@")
    for user in _USER.finditer(text):
        if user[0].endswith(":") and user.end() <= at:
            return f"{text[: user.end()]}***{text[at:]}"
    return text


def _without_broken_url(text: str) -> str:
    start = text.rfind("://")
    rest = text[start + 3 :]
    if start < 0 or ":" not in rest or "@" in rest or any(letter.isspace() for letter in rest):
        return text
    return f"{text[:start]}://***"


def _visible(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)

"""Texts from outside: what is left of them, and how long that takes."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from pipelines.texts import LONGEST, LONGEST_NAME, MOST_LINES, hide_passwords, isolated, plain_name, shown, shown_lines

S = "s3cret"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("to amqp://guest:s3cret@localhost:5672 now", "to amqp://guest:***@localhost:5672 now"),
        ("postgresql+psycopg://u:a@b:c/d@host/db", "postgresql+psycopg://u:***@host/db"),
        ("amqp://:s3cret@host", "amqp://:***@host"),
        ("a://u:x@h and b://u:y@h", "a://u:***@h and b://u:***@h"),
        ("https://h/x,amqp://u:s3cret@h", "https://h/x,amqp://u:***@h"),
        ("postgresql://h/db?password=s3cret&x=1", "postgresql://h/db?password=***&x=1"),
        ("https://h/token?grant=x&client_secret=s3cret&x=1", "https://h/token?grant=x&client_secret=***&x=1"),
        ("host=h password='s3 cret' user=u", "host=h password=*** user=u"),
        (r"host=h password='s3 \' cret' user=u", "host=h password=*** user=u"),
        (r'"host=h password=\'s3 cret\' user=u"', '"host=h password=*** user=u"'),
        (r"host=h password=s3\ cret user=u", "host=h password=*** user=u"),
        ("host=h password = s3cret user=u", "host=h password = *** user=u"),
        ("host=h password=s3&cret user=u", "host=h password=*** user=u"),
        ("sslpassword=s3cret x", "sslpassword=*** x"),
        ("PGPASSWORD=s3cret psql", "PGPASSWORD=*** psql"),
        ("passwd: s3cret", "passwd: ***"),
        ("pwd=s3cret", "pwd=***"),
        ("client_secret=s3cret", "client_secret=***"),
        ("LOAD_POLICIES_CLIENT_SECRET='s3cret'", "LOAD_POLICIES_CLIENT_SECRET=***"),
        ('{"client_secret": "s3 \\" cret", "x": 1}', '{"client_secret": ***, "x": 1}'),
        ('"{\\"password\\": \\"s3 cret\\", \\"x\\": 1}"', '"{\\"password\\": ***, \\"x\\": 1}"'),
        ("{'password': b's3 cret', 'x': 1}", "{'password': ***, 'x': 1}"),
        ("PlainCredentials(username='u', password='s3cret')", "PlainCredentials(username='u', password=***)"),
        ("os.environ['PGPASSWORD'] = 's3cret'", "os.environ['PGPASSWORD'] = ***"),
        ("Authorization: Bearer s3cret", "Authorization: ***"),
        ("Authorization: Basic czNjcmV0", "Authorization: ***"),
        ("'authorization': 'Bearer s3cret'", "'authorization': ***"),
        ("sent Bearer s3.cr-et_= to them", "sent Bearer *** to them"),
        ("access_token=s3cret refresh-token: s3cret", "access_token=*** refresh-token: ***"),
        ('{"token": "s3cret"}', '{"token": ***}'),
        ("token=s3cret", "token=***"),
        ("api_key=s3cret apikey: s3cret", "api_key=*** apikey: ***"),
        ("Cookie: a=s3cret", "Cookie: ***"),
        ("password%3Ds3cret", "password%3D***"),
        ("secrets: [s3cret, s3cret] x", "secrets: *** x"),
    ],
)
def test_every_form_of_a_secret_is_hidden(text: str, expected: str) -> None:
    assert hide_passwords(text) == expected
    assert hide_passwords(expected) == expected
    assert S not in shown(text)


@pytest.mark.parametrize(
    "text",
    [
        "https://example.com:443/path and u@example.com",
        "nothing to hide",
        'FATAL:  password authentication failed for user "u"',
        "fe_sendauth: no password supplied",
        "tokens: 12, every token is accounted for",
        "token_url=https://h/token",
        "OAUTH2_TOKEN_URL=https://h/token",
        "password_file=/run/secrets/x",
        "turn 3: 5 passes=2",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert hide_passwords(text) == text


@pytest.mark.parametrize("text", ["password='s3cret", 'password="s3cret', r"password=\'s3cret", "password='s3cret\\"])
def test_a_secret_whose_end_is_missing_is_hidden(text: str) -> None:
    assert S not in hide_passwords(text)


@pytest.mark.parametrize("start", ["amqp://guest:s3cret", "password=s3cret", "password='s3cret ", "Bearer s3cret"])
def test_no_cut_uncovers_a_secret(start: str) -> None:
    text = start + "x" * 200 + "@host'"
    for longest in range(1, len(text)):
        assert S not in shown(text, longest)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Grüezi, 你好, 😀", "Grüezi, 你好, 😀"),
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("\x9b31m\x85\x7f\x00", r"\x9b31m\x85\x7f\x00"),
        ("a\r\nb\tc\u2028d\u2029", r"a\r\nb\tc\u2028d\u2029"),
        ("abc\u202edef\u2066g\u200f", r"abc\u202edef\u2066g\u200f"),
        ("\ufeff\u200b\u2060\U000e0041", r"\ufeff\u200b\u2060\U000e0041"),
        ("\ud800", r"\ud800"),
    ],
)
def test_what_can_not_be_seen_is_written_out(text: str, expected: str) -> None:
    assert shown(text) == expected
    shown(text).encode()


def test_texts_are_cut() -> None:
    assert shown("x" * LONGEST) == "x" * LONGEST
    assert shown("x" * 40_000) == "x" * LONGEST + "… (40000 characters)"
    assert shown(ValueError("x" * 40_000), 3) == "xxx… (40000 characters)"


def test_lines_stay() -> None:
    assert shown_lines("\na\r\n\x1bb\n") == "a\n\\x1bb"
    lines = shown_lines("\n".join(map(str, range(1000)))).split("\n")
    assert len(lines) == MOST_LINES + 1
    assert (lines[0], lines[-1]) == ("0", "999")


GREEDY = [
    "a", "a:", "a://", "a://u:", "://", "a@", "password", "password=", "password='", "password=\\'", 'password="\\',
    "password ", "passwords", "?", "?password=", "&a", "[", "password=[", "bearer ", "bearer", "\\", "'", " ", "\n",
    "pass", "token", "token\"", "authorization: basic ", "secret-", "x=", "a" * 50 + "://", "a" * 39 + "secret",
]  # fmt: skip


def test_no_text_takes_long() -> None:
    """A long text of what might make an expression look at everything again and again."""
    program = """
import sys
from pipelines.texts import hide_passwords, shown
for part in eval(sys.stdin.read()):
    text = part * (100_000 // len(part))
    hide_passwords(text)
    hide_passwords(text[:-1] + "@", is_cut=True)
    shown(text)
"""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (30, 30))

    # A fraction of a second each; a quadratic expression takes minutes for a single one.
    done = subprocess.run([sys.executable, "-c", program], input=repr(GREEDY), text=True, check=False, preexec_fn=limit)
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Regio", "Regio"),
        ("  Regio \r\n\t Linz ", "Regio Linz"),
        ("\u202eoigeR\u202c \u2066x\u2069", "oigeR x"),
        ("Re\x00gi\x1b[31mo\x7f", "Regi[31mo"),
        ("<b>R&amp;</b>", "<b>R&amp;</b>"),
        ("שקל", "שקל"),
        ("Zu\u0308ri", "Züri"),
        ("\u3164\u115f", None),
        ("\ud83d", None),
        ("", None),
        (None, None),
        (7, None),
        ("x" * 50, "x" * LONGEST_NAME),
        ("x" * 39 + " " + "y" * 10**6, "x" * 39),
        (" " * 10**7, None),
    ],
)
def test_a_name_is_one_line_without_what_can_not_be_seen(text: object, expected: str | None) -> None:
    assert plain_name(text) == expected


def test_only_names_that_would_turn_their_surroundings_are_isolated() -> None:
    assert isolated("Regio 7") == "Regio 7"
    assert isolated("שקל") == "\u2068שקל\u2069"

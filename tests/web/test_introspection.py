"""Questions to the token server: what they say, what they may cost, and what answers mean."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from admin.web.grants import Reading
from admin.web.introspection import MAX_WAITING, IntrospectionError, Introspector
from admin.web.introspection_client import IntrospectionClient, client_of
from tests.settings.environments import load_with
from tests.web.introspection_server import IntrospectionServer

ACTIVE = json.dumps({"active": True, "sub": "me", "scope": "access"}).encode()


@contextmanager
def raw_server(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that treats each connection as it likes, after the question has come."""
    listener = socket.create_server(("127.0.0.1", 0))
    connections: list[socket.socket] = []

    def talk(connection: socket.socket) -> None:
        try:
            connection.recv(65_536)
            answer(connection)
        except OSError:
            pass

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connections.append(connection)
            threading.Thread(target=talk, args=(connection,)).start()

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        # Closing alone does not wake up whoever waits.
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
        for connection in connections:
            connection.close()


@pytest.fixture
def introspect() -> Iterator[Callable[..., Introspector]]:
    """Call it with a URL, and maybe a way to read answers."""
    made = []

    def make(url: str, reading: Reading | None = None, **options: Any) -> Introspector:
        made.append(Introspector(IntrospectionClient(url, **options), reading))
        return made[-1]

    yield make
    for introspector in made:
        introspector.close()


Introspect = Callable[..., Introspector]


def drip(text: bytes, rest: bytes) -> Callable[[socket.socket], None]:
    """Sends a beginning, then a byte at a time for ever."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(text)
        while True:
            connection.sendall(rest)
            time.sleep(0.05)

    return answer


@pytest.mark.parametrize(
    "answer",
    [
        drip(b"", b""),
        drip(b"HTTP/1.1 200 OK\r\n", b"A"),
        drip(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n", b"{"),
        drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        drip(b"HTTP/1.1 103 Early Hints\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    ],
    ids=["nothing", "head", "body", "chunks", "hints"],
)
def test_a_question_takes_a_limited_time(
    introspect: Introspect, monkeypatch: pytest.MonkeyPatch, answer: Callable[[socket.socket], None]
) -> None:
    monkeypatch.setattr("admin.web.introspection_client.TOTAL_SECONDS", 0.5)
    with raw_server(answer) as url, pytest.raises(IntrospectionError, match=r"longer than 0\.5 s"):
        introspect(url).grant("t")


@pytest.mark.parametrize(
    ("head", "body", "message"),
    [
        (b"Content-Length: 99999999", b" " * 100_000, "more than 65536 bytes"),
        (b"Transfer-Encoding: chunked", b"fffff\r\n" + b" " * 0xFFFFF + b"\r\n", "more than 65536 bytes"),
        (b"Connection: close", b" " * 100_000, "more than 65536 bytes"),
        (b"Content-Encoding: gzip\r\nConnection: close", gzip.compress(b" " * 50_000_000), "an encoding"),
        (b"Content-Encoding: deflate\r\nConnection: close", b"x", "an encoding"),
        (b"Content-Encoding: br, gzip\r\nConnection: close", b"x", "an encoding"),
    ],
)
def test_an_answer_has_a_limited_size(introspect: Introspect, head: bytes, body: bytes, message: str) -> None:
    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n" + body)
        connection.shutdown(socket.SHUT_WR)

    with raw_server(answer) as url, pytest.raises(IntrospectionError, match=message):
        introspect(url).grant("t")


def test_no_encoding_is_asked_for_and_a_plain_answer_is_understood(
    introspect: Introspect, tokens: IntrospectionServer
) -> None:
    tokens.allow("t", "me", "access")
    assert introspect(tokens.url).grant("t") is not None
    headers = tokens.requests[0][1]
    assert headers["accept-encoding"] == "identity"
    assert headers["x-forwarded-proto"] == "https"


def test_no_redirection_is_followed(introspect: Introspect, tokens: IntrospectionServer) -> None:
    tokens.allow("t", "me", "access")

    def answer(connection: socket.socket) -> None:
        connection.sendall(f"HTTP/1.1 307 Away\r\nLocation: {tokens.url}\r\nContent-Length: 0\r\n\r\n".encode())

    with raw_server(answer) as url, pytest.raises(IntrospectionError, match="answered 307"):
        introspect(url).grant("t")
    assert tokens.requests == []


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_proxies_of_the_environment_are_used_only_if_wanted(
    tokens: IntrospectionServer, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    tokens.allow("t", "me", "access")
    asked: list[bytes] = []

    def answer(connection: socket.socket) -> None:
        asked.append(b"proxy")
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(ACTIVE) + ACTIVE)

    with raw_server(answer) as proxy:
        monkeypatch.setenv(variable, proxy)
        for wanted, times in (("false", 0), ("true", 1)):
            config = load_with("webserver", OAUTH2_INTROSPECT_URL=tokens.url, APP_INTROSPECT_ENV_PROXIES=wanted)
            introspector = Introspector(client_of(config))
            assert introspector.grant("t") is not None
            assert len(asked) == times
            introspector.close()


@pytest.mark.parametrize(
    ("variables", "authorization", "form"),
    [
        ({}, None, "token=t"),
        (
            {"APP_INTROSPECT_CLIENT_ID": "me:é", "APP_INTROSPECT_CLIENT_SECRET": "a b+"},
            "Basic " + b64encode(b"me%3A%C3%A9:a+b%2B").decode(),
            "token=t",
        ),
        (
            {
                "APP_INTROSPECT_CLIENT_ID": "me",
                "APP_INTROSPECT_CLIENT_SECRET": "a b&",
                "APP_INTROSPECT_CLIENT_AUTH": "post",
            },
            None,
            "client_id=me&client_secret=a+b%26&token=t",
        ),
    ],
)
def test_the_client_says_who_it_is(
    tokens: IntrospectionServer, variables: dict[str, str], authorization: str | None, form: str
) -> None:
    tokens.allow("t", "me", "access")
    introspector = Introspector(client_of(load_with("webserver", OAUTH2_INTROSPECT_URL=tokens.url, **variables)))
    assert introspector.grant("t") is not None
    introspector.close()
    ((body, headers),) = tokens.requests
    assert (headers.get("authorization"), body) == (authorization, form)


def test_a_name_and_password_in_the_url_are_sent(introspect: Introspect, tokens: IntrospectionServer) -> None:
    tokens.allow("t", "me", "access")
    assert introspect(tokens.url.replace("//", "//me:secret@")).grant("t") is not None
    assert tokens.requests[0][1]["authorization"] == "Basic " + b64encode(b"me:secret").decode()


def test_the_secret_is_never_shown() -> None:
    variables = {"APP_INTROSPECT_CLIENT_ID": "me", "APP_INTROSPECT_CLIENT_SECRET": "s3cret"}
    assert "s3cret" not in repr(load_with("webserver", **variables))


# What servers really answer, shortened.
HYDRA_USER = {"active": True, "scope": "access activate", "client_id": "webapp", "sub": "creditors:123", "aud": [],
              "iss": "https://hydra/", "token_type": "Bearer", "token_use": "access_token", "exp": 4e9}  # fmt: skip
HYDRA_CLIENT = {**HYDRA_USER, "client_id": "creditors-superuser", "sub": "creditors-superuser", "aud": ["trade"]}
KEYCLOAK_USER = {"active": True, "scope": "profile access", "username": "creditors-superuser", "client_id": "webapp",
                 "sub": "f6f1a3c0-3c5b-4e0e-9e8b-2f6f3d4d5b6a", "aud": "trade", "exp": 4000000000}  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "reading", "user"),
    [
        (HYDRA_USER, Reading(), "creditors:123"),
        (HYDRA_USER, Reading("username"), None),
        (HYDRA_CLIENT, Reading(), "creditors-superuser"),
        (HYDRA_CLIENT, Reading(audience="trade"), "creditors-superuser"),
        (HYDRA_USER, Reading(audience="trade"), None),
        (KEYCLOAK_USER, Reading(), "f6f1a3c0-3c5b-4e0e-9e8b-2f6f3d4d5b6a"),
        (KEYCLOAK_USER, Reading("username"), "creditors-superuser"),
        (KEYCLOAK_USER, Reading("username", "trade"), "creditors-superuser"),
        (KEYCLOAK_USER, Reading("username", "trad"), None),
        ({**KEYCLOAK_USER, "aud": ["account", "trade"]}, Reading("username", "trade"), "creditors-superuser"),
        ({**KEYCLOAK_USER, "aud": {"trade": 1}}, Reading("username", "trade"), None),
        ({**KEYCLOAK_USER, "aud": None}, Reading("username", "trade"), None),
    ],
)
def test_the_user_is_whom_the_settings_say(answer: dict[str, Any], reading: Reading, user: str | None) -> None:
    grant = reading.grant(answer)
    assert (grant and grant.subject) == user


@pytest.mark.parametrize(
    ("scope", "scopes"),
    [
        ("access activate", {"access", "activate"}),
        (["access", "activate"], {"access", "activate"}),
        (["access activate", "deactivate"], {"access", "activate", "deactivate"}),
        (["access", 7, None, ["activate"]], {"access"}),
        ("", set()),
        ([], set()),
        (None, set()),
        ({"access": True}, set()),
    ],
)
def test_scopes_come_as_a_text_or_an_array(scope: object, scopes: set[str]) -> None:
    grant = Reading().grant({"active": True, "sub": "me", "scope": scope})
    assert grant is not None
    assert grant.scopes == scopes


class Slow:
    """A token server that answers when it is told to, and counts the questions."""

    def __init__(self) -> None:
        self.may_answer = threading.Event()
        self.asked = threading.Semaphore(0)
        self.questions = 0

    def __call__(self, connection: socket.socket) -> None:
        self.questions += 1
        self.asked.release()
        self.may_answer.wait(30)
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + ACTIVE)
        connection.shutdown(socket.SHUT_WR)


def test_many_requests_with_one_token_ask_once(introspect: Introspect) -> None:
    slow = Slow()
    with raw_server(slow) as url, ThreadPoolExecutor(MAX_WAITING) as pool:
        introspector = introspect(url)
        grants = [pool.submit(introspector.grant, "t") for _ in range(MAX_WAITING)]
        assert slow.asked.acquire(timeout=30)
        time.sleep(0.2)
        slow.may_answer.set()
        assert {grant.result(30).subject for grant in grants} == {"me"}  # type: ignore[union-attr]
        assert slow.questions == 1


def test_when_many_wait_others_are_told_at_once_and_known_tokens_are_good(introspect: Introspect) -> None:
    slow = Slow()
    slow.may_answer.set()
    with raw_server(slow) as url, ThreadPoolExecutor(MAX_WAITING) as pool:
        introspector = introspect(url)
        assert introspector.grant("known") is not None
        slow.may_answer.clear()
        waiting = [pool.submit(introspector.grant, f"t{number}") for number in range(MAX_WAITING)]
        while introspector.waiting < MAX_WAITING:
            time.sleep(0.01)
        with pytest.raises(IntrospectionError, match="too many requests wait"):
            introspector.grant("one-more")
        assert introspector.grant("known") is not None
        slow.may_answer.set()
        assert all(question.result(30) for question in waiting)
        assert introspector.grant("one-more") is not None


def test_a_failure_is_not_remembered(introspect: Introspect, tokens: IntrospectionServer) -> None:
    tokens.answers["t"] = 500
    introspector = introspect(tokens.url)
    with pytest.raises(IntrospectionError, match="answered 500"):
        introspector.grant("t")
    tokens.allow("t", "me", "access")
    assert introspector.grant("t") is not None


def test_no_token_is_in_a_failure(introspect: Introspect) -> None:
    with pytest.raises(IntrospectionError) as caught:
        introspect("http://127.0.0.1:1/").grant("s3cret")
    assert "s3cret" not in f"{caught.value!r} {caught.value.__cause__!r}"


def test_what_was_asked_is_given_up_at_the_end() -> None:
    slow = Slow()
    with raw_server(slow) as url, ThreadPoolExecutor(1) as pool:
        introspector = Introspector(IntrospectionClient(url))
        question = pool.submit(introspector.grant, "t")
        assert slow.asked.acquire(timeout=30)
        introspector.close()
        with pytest.raises(IntrospectionError):
            question.result(30)
        slow.may_answer.set()

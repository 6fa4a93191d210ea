"""Which hosts can only be this machine."""

from __future__ import annotations

import pytest

from settings.hosts import host_name, is_address, is_loopback
from tests.settings.environments import load_with, problems_with


@pytest.mark.parametrize("host", ["localhost", "a.localhost", "127.0.0.1", "127.255.0.9", "::1"])
def test_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    ["", "0.0.0.0", "::", "10.0.0.1", "localhost.com", "xlocalhost", "127.0.0.1.com", "::ffff:10.0.0.1", "127.1"],
)
def test_other_machines(host: str) -> None:
    assert not is_loopback(host)


def test_servers_listen_at_addresses() -> None:
    assert [
        host for host in ("0.0.0.0", "::", "localhost", "127.0.0.1", "", "example.com", "*") if is_address(host)
    ] == [
        "0.0.0.0",
        "::",
        "localhost",
        "127.0.0.1",
    ]


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://User:pw@Example.COM:1/x", "example.com"),
        ("http://[::1]:80/", "::1"),
        ("//a:80", "a"),
        ("//a:b", None),
        ("//[", None),
        ("//", None),
        ("x", None),
    ],
)
def test_the_host_of_a_url(url: str, host: str | None) -> None:
    assert host_name(url) == host


def test_the_web_server_is_reached_from_outside_only_if_it_checks_tokens() -> None:
    unchecked = {"OAUTH2_INTROSPECT_URL": "", "APP_WEBSERVER_NO_TOKEN_CHECK": "true"}
    assert load_with("webserver").webserver_host == "0.0.0.0"
    assert load_with("webserver", APP_WEBSERVER_HOST="10.0.0.1").webserver_host == "10.0.0.1"
    assert load_with("webserver", **unchecked).webserver_host == "127.0.0.1"
    assert load_with("webserver", **unchecked, APP_WEBSERVER_HOST="::1").webserver_host == "::1"
    assert len(problems_with("webserver", **unchecked, APP_WEBSERVER_HOST="0.0.0.0", APP_ENABLE_CORS="yes")) == 2

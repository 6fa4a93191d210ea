"""Secrets may come in files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from settings.config import SECRETS, ConfigError, load
from settings.internal import INTERNAL_GROUPS
from settings.public import PUBLIC_GROUPS
from tests.settings.environments import ENVIRONMENTS, load_with, problems_with

URL = "postgresql://me:s3cret@host/db"


def test_what_may_hold_a_password_is_a_secret() -> None:
    fields = [name.upper() for group in (*PUBLIC_GROUPS, *INTERNAL_GROUPS) for name in group.model_fields]
    words = ("POSTGRES_URL", "BROKER_URL", "INTROSPECT_URL", "SECRET", "PASSWORD", "TOKEN_URL")
    # The API's documentation tells everybody where tokens come from.
    published = {"OAUTH2_TOKEN_URL"}
    assert {name for name in fields if any(word in name for word in words)} - published <= set(SECRETS)


@pytest.mark.parametrize("text", [URL, f"{URL}\n", f"\ufeff{URL}\r\n\n"])
@pytest.mark.parametrize("empty", [{}, {"SOLVER_POSTGRES_URL": ""}, {"SOLVER_POSTGRES_URL": " \n"}])
def test_a_secret_is_read_from_its_file(text: str, empty: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "url").write_text(text, encoding="utf-8")
    environ = {name: value for name, value in ENVIRONMENTS["solver"].items() if name != "SOLVER_POSTGRES_URL"}
    config = load("solver", environ | empty | {"SOLVER_POSTGRES_URL_FILE": f" {tmp_path / 'url'}\n"})
    assert config.solver_postgres_url == URL


def test_every_secret_may_be_in_a_file(tmp_path: Path) -> None:
    values = {
        "SOLVER_POSTGRES_URL": URL,
        "WORKER_POSTGRES_URL": URL,
        "APP_WORKER_POSTGRES_URLS": f"{URL}\n{URL}\n",
        "OAUTH2_INTROSPECT_URL": "https://me:s3cret@host/",
        "PROTOCOL_BROKER_URL": "amqp://me:s3cret@host/",
    }
    assert values.keys() <= set(SECRETS)
    for name, value in values.items():
        (tmp_path / name).write_text(value)
        role = "webserver" if name in ("APP_WORKER_POSTGRES_URLS", "OAUTH2_INTROSPECT_URL") else "worker"
        environ = {known: text for known, text in ENVIRONMENTS[role].items() if known != name}
        config = load(role, environ | {f"{name}_FILE": str(tmp_path / name)})
        assert "s3cret" in str(getattr(config, name.lower())), name
        assert "s3cret" not in repr(config)


def test_a_file_that_names_no_file_does_not_count() -> None:
    assert load_with(WORKER_POSTGRES_URL_FILE=" ").worker_postgres_url == ENVIRONMENTS["worker"]["WORKER_POSTGRES_URL"]


def test_a_secret_may_not_be_in_both_places(tmp_path: Path) -> None:
    (tmp_path / "url").write_text(URL)
    (problem,) = problems_with(PROTOCOL_BROKER_URL="amqp://me:s3cret@x", PROTOCOL_BROKER_URL_FILE=f"{tmp_path}/url")
    assert problem.startswith(f"PROTOCOL_BROKER_URL_FILE='{tmp_path}/url': PROTOCOL_BROKER_URL is set, too")
    assert "s3cret" not in problem


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe", "empty", "binary", "endless", "zero"])
def test_a_file_that_can_not_be_read_is_named(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "url"
    match kind:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "empty":
            path.write_text("\n")
        case "binary":
            path.write_bytes(b"\xff\xfe")
        case "endless":
            path.write_text("x" * 100_000)
        case "zero":
            path = Path("/dev/zero")
    environ = {name: text for name, text in ENVIRONMENTS["worker"].items() if name != "WORKER_POSTGRES_URL"}
    with pytest.raises(ConfigError) as caught:
        load("worker", environ | {"WORKER_POSTGRES_URL_FILE": str(path)})
    (problem,) = caught.value.problems
    assert problem.startswith(f"WORKER_POSTGRES_URL_FILE={str(path)!r}: ")
    assert "\n" not in problem


def test_what_is_in_a_file_is_checked_and_not_shown(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("mysql://me:s3cret@host/db")
    environ = {name: text for name, text in ENVIRONMENTS["worker"].items() if name != "WORKER_POSTGRES_URL"}
    with pytest.raises(ConfigError) as caught:
        load("worker", environ | {"WORKER_POSTGRES_URL_FILE": f"{tmp_path}/url"})
    (problem,) = caught.value.problems
    assert problem.startswith(
        "WORKER_POSTGRES_URL='mysql://***@host/db' (from WORKER_POSTGRES_URL_FILE): must be a URL"
    )

"""Names of other releases, in environments that installations have had for years."""

from __future__ import annotations

from datetime import timedelta

import pytest

from settings.aliases import ALIASES, WITHOUT_EFFECT, without_effect
from settings.config import FIELDS, doubts, load
from tests.settings.environments import ENVIRONMENTS, load_with, problems_with


def test_aliases_are_names_of_settings_and_none_themselves() -> None:
    assert set(ALIASES.values()) <= FIELDS.keys()
    assert not {*ALIASES, *WITHOUT_EFFECT} & FIELDS.keys()


@pytest.mark.parametrize(
    ("alias", "text", "attribute", "value"),
    [
        ("APP_ROLL_TURNS_WAIT", "60.0", "turn_check_interval", timedelta(seconds=60)),
        ("APP_HTTP_FETCH_PERIOD", "15s", "http_fetch_period", timedelta(seconds=15)),
        ("APP_COLLECTOR_TRANSFERS_LIMIT", "7", "transfers_collector_limit", 7),
        ("APP_DELAYED_ACCOUNT_TRANSFERS_SCAN_DAYS", "14", "app_early_arrivals_scan_days", timedelta(days=14)),
        ("APP_FLUSH_START_SENDING_BURST_COUNT", "5", "app_start_sending_burst_count", 5),
    ],
)
def test_an_alias_stands_for_its_setting(alias: str, text: str, attribute: str, value: object) -> None:
    role = "solver" if attribute in ("turn_check_interval", "transfers_collector_limit") else "worker"
    environ = ENVIRONMENTS[role] | {alias: text}
    assert getattr(load(role, environ), attribute) == value
    assert getattr(load(role, environ | {ALIASES[alias]: ""}), attribute) == value
    assert doubts(role, environ) == []


def test_a_setting_overrules_its_alias() -> None:
    environ = ENVIRONMENTS["solver"] | {"APP_ROLL_TURNS_WAIT": "60.0", "TURN_CHECK_INTERVAL": "5"}
    assert load("solver", environ).turn_check_interval == timedelta(seconds=5)
    assert doubts("solver", environ) == [
        "APP_ROLL_TURNS_WAIT is ignored, since TURN_CHECK_INTERVAL is set, too: it stands for the same"
    ]


def test_what_is_wrong_names_the_alias() -> None:
    (problem,) = problems_with("solver", APP_ROLL_TURNS_WAIT="soon")
    assert problem.startswith("TURN_CHECK_INTERVAL='soon' (from APP_ROLL_TURNS_WAIT): must be a number")


def test_settings_without_effect_are_accepted_and_told_in_one_line() -> None:
    environ = ENVIRONMENTS["worker"] | dict.fromkeys(WITHOUT_EFFECT, "whatever")
    load("worker", environ)
    assert doubts("worker", environ) == []
    (line,) = without_effect(environ)
    assert "APP_COLLECTOR_ACTIVITY_MIN_DAYS, APP_DELAYED_ACCOUNT_TRANSFERS_EXPIRY_DAYS" in line
    assert without_effect(ENVIRONMENTS["worker"]) == []


@pytest.mark.parametrize(
    ("text", "value"),
    [("50MB", "50MB"), ("64kB", "64kB"), ("1 gb", "1024MB"), ("4096", "4MB"), ("2047GB", "2096128MB"), ("", "50MB")],
)
def test_amounts_of_memory_are_written_as_the_server_wants_them(text: str, value: str) -> None:
    assert load_with("solver", SOLVER_INCREASED_WORK_MEM=text).solver_increased_work_mem == value


@pytest.mark.parametrize("text", ["63kB", "2048GB", "-1", "1.5GB", "50 megabytes", "MB"])
def test_other_amounts_are_refused(text: str) -> None:
    assert len(problems_with("worker", SOLVER_INCREASED_WORK_MEM=text)) == 1

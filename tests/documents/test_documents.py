"""Documents do not lie: what they name exists, what they show was made, where they lead to is there."""

from __future__ import annotations

import re
import shlex
import struct
from functools import cache
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from admin.cli import main
from sandbox.demo import Scene
from settings.config import COMMAND_SECRETS, FIELDS, SECRETS, default_text
from tests.conftest import skip_or_fail
from tests.documents.outputs import DOCUMENTS, ROOT, commands, with_outputs
from tests.documents.pictures import FOLDER, PICTURES
from tests.documents.screenshots import HEIGHT, SCREENSHOTS, WIDTH, take_screenshots
from tests.web.browser import browser

FILES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "deploy").rglob("*.md")])
NAMES = [str(path.relative_to(ROOT)) for path in FILES]
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
ALERTS: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((ROOT / "docs" / "monitoring" / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]

OF_OTHERS = {
    *(
        "API_ROOT",
        "BASE_URL",
        "OAUTH2_REDIRECT_URL",
        "PYTHON_IMAGE",
        "PYTHONPATH",
        "CI",
        "SEEDS",
        "FAULTS",
        "SEED",
        "OPTIONS",
    ),
    *("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "LOAD_POLICIES_CLIENT_ID", "LOAD_POLICIES_SCOPE"),
}
"""Variables that are not settings of the service: of images, builds, single commands and other services."""

MISSPELT = {"SWPT_TRADE_TURN_PERIOD", "TRUN_PERIOD"}

QUEUES = re.compile(r"swpt_trade_(\d|0_|N\b)|swpt_trade_[A-Z]")


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def anchors(path: Path) -> set[str]:
    """Where links into a document may lead, by its headings."""
    found = set()
    for heading in re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE):
        plain = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        found.add(re.sub(r"[^\w\- ]", "", plain).replace(" ", "-"))
    return found


def named_commands(text: str) -> list[list[str]]:
    """The words after `swpt-trade` wherever a command is written, in a line or in a block."""
    inline = re.findall(
        r"`(?:[A-Z_]+=\S* )*swpt-trade ((?:[^`|&]|\n)+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    )
    blocks = [line for block in re.findall(r"```\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    typed = [
        match[1] for line in blocks if (match := re.match(r"(?:\$ )?(?:[A-Z0-9_]+=\S+ )*swpt-trade ([^#|&]+)", line))
    ]
    return [shlex.split(words.replace("\n", " ")) for words in (*inline, *typed)]


def problem_with(words: list[str]) -> str | None:
    """Why there is no such command, or no such option of it."""
    command: click.Command = main
    for number, word in enumerate(words):
        if isinstance(command, click.Group) and not word.startswith("-"):
            # One of several, as in `subscribe`, `unsubscribe`; or `…`.
            if word.strip("…,") == "" or re.fullmatch(r"scan_…|flush_…", word):
                return None
            found = command.commands.get(word)
            if found is None:
                return f"there is no command {' '.join(words[: number + 1])}"
            command = found
        elif word.startswith("-") and word != "-":
            options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
            if word.split("=")[0] not in options | {"--help", "-h", "--version"}:
                return f"{' '.join(words[:number])} has no option {word}"
    return None


@cache
def metrics() -> set[str]:
    """The names of all metrics, by the code that makes them."""
    watching = ROOT / "service" / "watching"
    counters = (watching / "metrics.py").read_text()
    figures = (watching / "figures.py").read_text()
    found = set(re.findall(r'"(swpt_trade_\w+)"', counters + figures + (watching / "server.py").read_text()))
    found |= {f"{name}_total" for name in re.findall(r'Counter\(\s*"(\w+)"', counters)}
    found |= {f"swpt_trade_solver_{name}" for name in re.findall(r'_latest\("(\w+)"', counters)}
    return found | {f"swpt_trade_{name}" for name in re.findall(r'_gauge\(\s*"(\w+)"', figures)}


def test_every_alert_has_an_entry_in_the_runbook_and_every_entry_an_alert() -> None:
    entries = re.findall(r"^### (\w+)$", RUNBOOK, re.MULTILINE)
    assert sorted(entries) == sorted(rule["alert"] for rule in ALERTS)
    for rule in ALERTS:
        assert rule["annotations"]["runbook_url"] == f"docs/runbook.md#{rule['alert'].lower()}"


def test_every_entry_says_where_to_look_and_what_to_do() -> None:
    for entry in re.split(r"^### ", RUNBOOK, flags=re.MULTILINE)[1:]:
        assert "**Look**" in entry, entry
        assert "**Do" in entry, entry


@pytest.mark.parametrize("name", NAMES)
def test_commands_exist_and_have_their_options(name: str) -> None:
    problems = [problem for words in named_commands(text_of(name)) if (problem := problem_with(words)) is not None]
    assert problems == []


def test_wrong_commands_would_be_noticed() -> None:
    text = "`swpt-trade turns lits` and\n```\n$ A=b swpt-trade solve x y --sett z   # comment\nswpt-trade status\n```\n"
    problems = [problem_with(words) for words in named_commands(text)]
    assert problems == ["there is no command turns lits", "solve x y has no option --sett", None]


@pytest.mark.parametrize("name", NAMES)
def test_settings_exist(name: str) -> None:
    known = {*FIELDS, *COMMAND_SECRETS, *(f"{secret}_FILE" for secret in (*SECRETS, *COMMAND_SECRETS)), *OF_OTHERS}
    if name in ("docs/configuration.md", "docs/moving.md"):
        # They tell of names of other releases, too; the first is made of the settings.
        return
    named = {word for word in re.findall(r"`([A-Z][A-Z0-9_]+)(?:=[^`]*)?`", text_of(name)) if "_" in word}
    # What remains is the text's point: settings that somebody has misspelt.
    assert named - known - MISSPELT == set()


@pytest.mark.parametrize("name", NAMES)
def test_metrics_exist(name: str) -> None:
    named = {word for word in re.findall(r"`(swpt_trade_\w+)[`{]", text_of(name)) if not QUEUES.match(word)}
    assert named - metrics() == set()


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name: str) -> None:
    path = ROOT / name
    for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"```.*?```", "", text_of(name), flags=re.DOTALL)):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        found = (path.parent / file).resolve() if file else path
        assert found.exists(), target
        if anchor and found.suffix == ".md":
            assert anchor in anchors(found), target


@pytest.mark.parametrize("name", DOCUMENTS)
def test_outputs_are_those_of_the_commands(name: str) -> None:
    assert commands(text_of(name))
    assert with_outputs(text_of(name)) == text_of(name), "run: python -m tests.documents"


def test_no_other_document_has_outputs() -> None:
    assert {name for name in NAMES if commands(text_of(name))} == set(DOCUMENTS)


@pytest.mark.parametrize("name", sorted(PICTURES))
def test_pictures_are_those_of_the_code(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == PICTURES[name](), "run: python -m tests.documents"


def test_every_picture_is_made_and_shown() -> None:
    texts = "".join(map(text_of, NAMES))
    made = {*PICTURES, *SCREENSHOTS}
    assert {path.name for path in FOLDER.iterdir()} == made
    assert {name for name in made if f"pictures/{name})" not in texts} == set()


@pytest.mark.slow
def test_screenshots_can_be_taken_of_a_world_that_trades(tmp_path: Path) -> None:
    """The pages are there and have what the pictures show; how they look changes with each turn."""
    if browser() is None:
        skip_or_fail("no browser")
    assert take_screenshots(tmp_path, Scene(traders=60, currencies=8, shards=1), turns=1)
    assert {path.name for path in tmp_path.iterdir()} == set(SCREENSHOTS)
    for name in SCREENSHOTS:
        # Of the size that the documents expect: bytes 16 to 24 of a PNG.
        for path in (tmp_path / name, FOLDER / name):
            assert struct.unpack(">II", path.read_bytes()[16:24]) == (WIDTH, HEIGHT), path


def test_the_twelve_settings_have_the_defaults_that_the_document_says() -> None:
    part = text_of("docs/production.md").split("## The twelve settings that matter")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|", part, re.MULTILINE)
    assert len(rows) == 12
    for name, said in rows:
        assert said.strip("`") == default_text(name)


def test_the_readme_is_short_shows_a_circle_and_leads_to_everything() -> None:
    text = text_of("README.md")
    assert len(text.splitlines()) < 200
    assert "docs/pictures/circle.svg" in text
    assert "docs/pictures/dashboard.png" in text
    for path in (ROOT / "docs").glob("*.md"):
        assert f"docs/{path.name}" in text or path.name in text_of("docs/operations.md") + text_of(
            "docs/production.md"
        ), path

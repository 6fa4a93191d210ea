"""The parts of the images, without building them; `make images` does."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
STAGES = dict(re.findall(r"^FROM \S+ AS (\S+)\n(.*?)(?=^FROM |\Z)", TEXT, re.MULTILINE | re.DOTALL))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
FINAL = ("app-image", "sandbox-image", "swagger-ui-image")
IGNORED = (ROOT / ".dockerignore").read_text().splitlines()
CONTEXT = [line[1:] for line in IGNORED if line.startswith("!")]


def copied(text: str) -> list[str]:
    """What a text of the Dockerfile copies from the context."""
    found = re.findall(r"^COPY (?!--from)(.*)", text, re.MULTILINE)
    return [path.rstrip("/") for line in found for path in line.split()[:-1]]


EVERYTHING = copied(TEXT)
COPIED = copied(STAGES["build-image"])
"""What the service is built of."""


def lines(stage: str, instruction: str) -> list[str]:
    """The arguments of an instruction in a stage, in order."""
    return re.findall(rf"^{instruction} (.*)", STAGES[stage], re.MULTILINE)


def test_one_image_is_made_in_known_stages() -> None:
    assert tuple(STAGES) == ("build-image", "psql-image", *FINAL[:-1], "tests-image", "openapi-image", FINAL[-1])
    default = re.search(r"^ARG PYTHON_IMAGE=(\S+)", TEXT, re.MULTILINE)
    assert default is not None
    assert re.fullmatch(r"docker\.io/library/python:3\.11\.\d+-slim-\w+", default[1])


def test_what_is_copied_exists_and_is_not_ignored() -> None:
    assert EVERYTHING
    for path in EVERYTHING:
        assert (ROOT / path).exists(), path
        assert path.split("/")[0] in CONTEXT, path
    assert {path.split("/")[0] for path in EVERYTHING} == set(CONTEXT)


def test_all_packages_are_copied() -> None:
    packages = PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]
    assert {name.rstrip("*") for name in packages} <= set(COPIED)


@pytest.mark.parametrize("stage", FINAL)
def test_nobody_is_root_and_nothing_can_be_compiled(stage: str) -> None:
    assert lines(stage, "USER")[-1] == "10001"
    # What `psql` is linked with.
    text = re.sub(r"apt-get install -y --no-install-recommends libpq5 libreadline8 ", "", STAGES[stage])
    assert not re.search(r"apt-get install|apk|gcc|build-essential|build-image /(src|dist)/?[ \n]", text)


def test_health_checks_and_entry_points() -> None:
    for stage in ("app-image", "swagger-ui-image"):
        assert len(lines(stage, "HEALTHCHECK")) == len(lines(stage, "ENTRYPOINT")) == 1
    # No command: the entry point runs a worker then.
    assert lines("app-image", "CMD") == []
    assert json.loads(lines("app-image", "ENTRYPOINT")[0]) == ["swpt-trade-entrypoint"]


def test_everything_that_is_installed_is_pinned() -> None:
    pinned = re.findall(r"^([\w.-]+==[\w.]+)", (ROOT / "requirements" / "peer.txt").read_text(), re.MULTILINE)
    pins = {canonicalize_name(pin.name): pin.specifier for pin in map(Requirement, pinned)}
    wanted = [*PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"]["peer"]]
    waiting = [(Requirement(line), "") for line in wanted]
    seen: set[tuple[str, str]] = set()
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        assert name in pins, f"{name} is not in requirements/peer.txt"
        (pin,) = pins[name]
        assert requirement.specifier.contains(pin.version, prereleases=True), f"{requirement} and {name}{pin}"
        for part in ("", *requirement.extras):
            if (name, part) not in seen:
                seen.add((name, part))
                waiting += [(Requirement(line), part) for line in requires(name) or []]
    assert len(seen) > 30


def test_the_extra_of_the_sandbox_image_is_part_of_the_sandbox() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    assert set(extras["peer"]) <= set(extras["sandbox"])


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The build of the image, step by step: the context, a wheel of it, the wheel installed."""
    source, target = tmp_path_factory.mktemp("context"), tmp_path_factory.mktemp("installed")
    for path in COPIED:
        if (ROOT / path).is_dir():
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / path, source / path, ignore=ignore, dirs_exist_ok=True)
        else:
            shutil.copy(ROOT / path, source)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", "dist"]
    subprocess.run(build, cwd=source, check=True, capture_output=True)
    (wheel,) = (source / "dist").glob("*.whl")
    shutil.unpack_archive(wheel, target, "zip")
    return target


def run(installed: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs Python as in the image: our packages are those of the wheel, the working directory has none."""
    environ = {**os.environ, "PYTHONPATH": str(installed), **variables}
    program = [sys.executable, *arguments]
    return subprocess.run(program, cwd=installed.parent, env=environ, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_wheel_is_complete(installed: Path) -> None:
    for package in (path for path in COPIED if (ROOT / path / "__init__.py").exists()):
        files = {
            path.relative_to(ROOT)
            for path in (ROOT / package).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".md"
        }
        missing = {path for path in files if not (installed / path).exists()}
        assert not missing


@pytest.mark.slow
def test_the_entry_point_runs_the_service_or_any_program(installed: Path) -> None:
    where = run(installed, "-c", "import admin.entrypoint as e; print(e.__file__)")
    assert where.stdout.startswith(str(installed))
    # No command: a worker, which says what it misses.
    nothing = {"SOLVER_POSTGRES_URL": "", "WORKER_POSTGRES_URL": ""}
    worker = run(installed, "-m", "admin.entrypoint", **nothing)
    assert worker.returncode == 1
    assert "WORKER_POSTGRES_URL" in worker.stderr
    program = run(installed, "-m", "admin.entrypoint", "printf", "%s", "a program")
    assert (program.returncode, program.stdout) == (0, "a program")
    version = run(installed, "-m", "admin.entrypoint", "--version")
    assert version.returncode == 0


_IMPORT_EVERYTHING = """
import importlib, pkgutil, sys
for name in sys.argv[1:]:
    package = importlib.import_module(name)
    for module in pkgutil.walk_packages(package.__path__, f"{name}."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
print(*{name.partition(".")[0] for name in sys.modules})
print(*{name.split(".")[1] for name in sys.modules if name.startswith("ortools.")})
"""


@pytest.mark.slow
def test_what_is_left_out_is_never_imported(installed: Path) -> None:
    """The packages that are uninstalled, and the parts of OR-Tools that are removed."""
    ours = [name for name in COPIED if (ROOT / name / "__init__.py").exists() and name != "sandbox"]
    done = run(installed, "-c", _IMPORT_EVERYTHING, *ours)
    assert done.returncode == 0, done.stderr
    imported, parts = (set(line.split()) for line in done.stdout.splitlines())
    modules = {"absl-py": "absl", "protobuf": "google", "python-dateutil": "dateutil"}
    unused = (ROOT / "docker" / "unused-packages.txt").read_text().split()
    assert "polars" in imported
    assert not imported & {modules.get(name, name) for name in unused}
    assert parts == {"graph"}


@pytest.mark.slow
def test_the_openapi_document_has_names_in_the_place_of_addresses(installed: Path, tmp_path: Path) -> None:
    target = tmp_path / "openapi.json"
    written = run(installed, str(ROOT / "docker" / "write_openapi.py"), str(target))
    assert written.returncode == 0, written.stderr
    document = json.loads(target.read_text())
    assert document["info"]["title"] == "Trade API"
    assert [server["url"] for server in document["servers"]] == ["$API_ROOT", "/"]
    flows = document["components"]["securitySchemes"]["oauth2"]["flows"]
    names = {"authorizationUrl": "$OAUTH2_AUTHORIZATION_URL", "tokenUrl": "$OAUTH2_TOKEN_URL"}
    assert flows["authorizationCode"].items() >= (names | {"refreshUrl": "$OAUTH2_REFRESH_URL"}).items()
    assert flows.keys() == {"authorizationCode", "clientCredentials"}


@pytest.mark.slow
def test_binaries_of_everything_can_be_had(tmp_path: Path) -> None:
    """The line of the build that installs packages, without installing them."""
    program = [str(Path(sys.executable).parent / "uv"), "pip", "install", "--dry-run", "--no-progress"]
    options = ["--only-binary", ":all:", "--python-platform", "x86_64-manylinux_2_28", "--target", str(tmp_path)]
    done = subprocess.run(
        [*program, *options, "--python", sys.executable, "--require-hashes", "-r", "requirements/peer.txt"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr

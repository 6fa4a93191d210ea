"""The images: there is no engine here to build them, but their parts can be tried."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import urllib.request
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
COPIED = [
    path.rstrip("/") for line in re.findall(r"^COPY (?!--from)(.*)", TEXT, re.MULTILINE) for path in line.split()[:-1]
]


def lines(stage: str, instruction: str) -> list[str]:
    """The arguments of an instruction in a stage, in order."""
    return re.findall(rf"^{instruction} (.*)", STAGES[stage], re.MULTILINE)


def test_one_image_is_made_in_known_stages() -> None:
    assert tuple(STAGES) == ("build-image", *FINAL)
    default = re.search(r"^ARG PYTHON_IMAGE=(\S+)", TEXT, re.MULTILINE)
    assert default is not None
    assert re.fullmatch(r"docker\.io/library/python:3\.11\.\d+-slim-\w+", default[1])


def test_what_is_copied_exists_and_is_not_ignored() -> None:
    assert COPIED
    for path in COPIED:
        assert (ROOT / path).exists(), path
        assert path.split("/")[0] in CONTEXT, path
    assert {path.split("/")[0] for path in COPIED} == set(CONTEXT)


def test_all_packages_are_copied() -> None:
    packages = PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]
    assert {name.rstrip("*") for name in packages} <= set(COPIED)


@pytest.mark.parametrize("stage", FINAL)
def test_nobody_is_root_and_nothing_can_be_compiled(stage: str) -> None:
    assert lines(stage, "USER")[-1] == "10001"
    assert not re.search(r"apt|apk|gcc|build-essential|build-image /(src|dist)/?[ \n]", STAGES[stage])


def test_health_checks_and_entry_points() -> None:
    for stage in ("app-image", "swagger-ui-image"):
        assert len(lines(stage, "HEALTHCHECK")) == len(lines(stage, "ENTRYPOINT")) == 1
    # No command: the entry point runs a worker then.
    assert lines("app-image", "CMD") == []
    assert json.loads(lines("app-image", "ENTRYPOINT")[0]) == ["swpt-trade-entrypoint"]


def requirements(*extra: str) -> list[Requirement]:
    """What the image installs, as its build finds out."""
    program = [sys.executable, str(ROOT / "docker" / "requirements.py"), *extra]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=True)
    return [Requirement(line) for line in done.stdout.splitlines()]


def test_everything_that_is_installed_is_pinned() -> None:
    pins = {
        canonicalize_name(requirement.name): requirement.specifier
        for requirement in map(Requirement, (ROOT / "constraints.txt").read_text().splitlines())
    }
    waiting = [(requirement, "") for requirement in (*requirements(), *requirements("peer"))]
    seen: set[tuple[str, str]] = set()
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        assert name in pins, f"{name} is not in constraints.txt"
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


@pytest.mark.slow
def test_the_swagger_ui_image_serves_the_document(installed: Path, tmp_path: Path) -> None:
    document = tmp_path / "openapi.json"
    written = run(installed, str(ROOT / "docker" / "write_openapi.py"), str(document))
    assert written.returncode == 0, written.stderr
    addresses = {
        "API_ROOT": "https://example.com/trade/",
        "OAUTH2_TOKEN_URL": 'https://example.com/"token"',
        "OAUTH2_REFRESH_URL": "https://example.com/refresh",
        "HOME": "not to be seen",
    }
    program = [sys.executable, "-u", "-c", _ON_ANY_PORT, str(ROOT / "docker"), str(document)]
    with subprocess.Popen(program, env={**os.environ, **addresses}, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            served = json.loads(get(port, "/openapi.json"))
            page = get(port, "/").decode()
            for script in re.findall(r'(?:src|href)="([^"]+)"', page):
                assert get(port, f"/{script}")
        finally:
            process.terminate()
    assert process.returncode == 0
    assert served["info"]["title"] == "Trade API"
    assert [server["url"] for server in served["servers"]] == ["https://example.com/trade/", "/"]
    (flow,) = served["components"]["securitySchemes"]["oauth2"]["flows"].values()
    assert (flow["tokenUrl"], flow["refreshUrl"]) == ('https://example.com/"token"', "https://example.com/refresh")


_ON_ANY_PORT = """
import http.server, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import swagger_ui

class Server(http.server.ThreadingHTTPServer):
    def __init__(self, address, handler):
        super().__init__(("127.0.0.1", 0), handler)
        print(self.server_port)

swagger_ui.ThreadingHTTPServer = Server
swagger_ui.main(Path(sys.argv[2]))
"""


def get(port: int, path: str) -> bytes:
    """The body of a good answer."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as response:
        body: bytes = response.read()
    return body


@pytest.mark.slow
def test_binaries_of_everything_can_be_had(tmp_path: Path) -> None:
    """The line of the build that installs packages, without installing them."""
    with_peer = [str(requirement) for requirement in (*requirements(), *requirements("peer"))]
    program = [str(Path(sys.executable).parent / "uv"), "pip", "install", "--dry-run", "--no-progress"]
    options = ["--only-binary", ":all:", "--python-platform", "x86_64-manylinux_2_28", "--target", str(tmp_path)]
    done = subprocess.run(
        [*program, *options, "--python", sys.executable, "-c", "constraints.txt", *with_peer],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr

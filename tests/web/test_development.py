"""`flask run`, as developers start the admin Web API."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUN = [sys.executable, "-u", "-m", "flask", "run", "-p", "0"]


@pytest.mark.slow
def test_flask_finds_the_application_and_its_settings_in_a_file(tmp_path: Path) -> None:
    (tmp_path / ".flaskenv").write_bytes((ROOT / ".flaskenv").read_bytes())
    development = (ROOT / "development.env").read_text().replace("OAUTH2_INTROSPECT_URL=", "_UNUSED=")
    (tmp_path / ".env").write_text(development + "APP_WEBSERVER_NO_TOKEN_CHECK=true\n")
    environ = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(RUN, cwd=tmp_path, env=environ, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            said = ""
            while not (port := re.search(r"http://127\.0\.0\.1:(\d+)", said)):
                line = process.stderr.readline()
                assert line, said
                said += line
            url = f"http://127.0.0.1:{port[1]}/trade/.docs/openapi.json"
            with urllib.request.urlopen(url, timeout=30) as response:
                assert response.status == 200
        finally:
            process.terminate()


@pytest.mark.slow
def test_flask_says_which_setting_is_missing() -> None:
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "SOLVER_POSTGRES_URL": "postgresql:///nobody"}
    done = subprocess.run(
        [*RUN, "--no-reload"], cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode != 0
    assert "OAUTH2_INTROSPECT_URL" in done.stderr

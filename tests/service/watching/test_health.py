"""The judgement about the processes of a server, by their heartbeats."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from service.watching import directory, heartbeats
from service.watching.directory import DirectoryError
from service.watching.health import START_SECONDS, Verdict, allowed_seconds, judge
from service.watching.heartbeats import Heartbeat, StepNews

NOW = 1_000_000.0


def beat(path: Path, pid: int = 1, process: str = "flush_all", **steps: StepNews) -> Heartbeat:
    heartbeat = Heartbeat(process, pid, NOW - 1000, 300.0, steps)
    heartbeats.write(path, heartbeat)
    return heartbeat


def verdicts(path: Path, *running: int, now: float = NOW) -> list[Verdict]:
    return judge(path, now, lambda pid: pid in running)


@pytest.mark.parametrize(("silence", "problem"), [(300, None), (301, "no success for 301 s, 300 s are allowed")])
def test_silence(tmp_path: Path, silence: int, problem: str | None) -> None:
    beat(tmp_path, flush_all=StepNews(NOW - silence))
    assert verdicts(tmp_path, 1) == [Verdict("flush_all", 1, problem, NOW - silence)]


def test_every_step_of_a_process_counts(tmp_path: Path) -> None:
    beat(tmp_path, process="consume_messages", take=StepNews(NOW), drain=StepNews(NOW - 500, "OSError: x", NOW - 10))
    (verdict,) = verdicts(tmp_path, 1)
    assert (verdict.problem, verdict.last_error) == ("no success for 500 s, 300 s are allowed", "OSError: x")


def test_a_process_without_any_success_is_silent_since_its_start(tmp_path: Path) -> None:
    heartbeats.write(tmp_path, Heartbeat("flush_all", 1, NOW - 200, 300.0, {}))
    heartbeats.write(tmp_path, Heartbeat("scan_all", 2, NOW - 400, 300.0, {"x": StepNews(None, "OSError: x", NOW)}))
    assert [v.problem for v in verdicts(tmp_path, 1, 2)] == [None, "no success for 400 s, 300 s are allowed"]


def test_a_dead_process_is_a_problem_until_another_takes_its_place(tmp_path: Path) -> None:
    old = beat(tmp_path, 1, flush_all=StepNews(NOW))
    assert [v.problem for v in verdicts(tmp_path)] == ["has died"]

    heartbeats.write(tmp_path, Heartbeat("flush_all", 2, NOW, 300.0, {}))
    replaced: list[Heartbeat] = []
    found = judge(tmp_path, NOW, lambda pid: pid == 2, replaced.append)
    assert [(v.pid, v.problem) for v in found] == [(2, None)]
    assert replaced == [old]
    heartbeats.remove(tmp_path, old)
    assert [h.pid for h in heartbeats.read_all(tmp_path)] == [2]


def test_a_missing_process(tmp_path: Path) -> None:
    heartbeats.expect(tmp_path, ["flush_all", "roll_turns"], NOW)
    beat(tmp_path, flush_all=StepNews(NOW + START_SECONDS))
    assert [v.process for v in verdicts(tmp_path, 1, now=NOW + START_SECONDS)] == ["flush_all"]
    late = verdicts(tmp_path, 1, now=NOW + START_SECONDS + 1)
    assert [(v.process, v.problem) for v in late] == [("flush_all", None), ("roll_turns", "has not reported")]


def test_steps_that_take_long_may_take_long() -> None:
    assert allowed_seconds("flush_all", 2.0) == 302.0
    assert allowed_seconds("roll_turns", 60.0) == 3660.0


def test_which_processes_run() -> None:
    assert heartbeats.is_running(os.getpid())
    assert heartbeats.is_running(1)
    assert not heartbeats.is_running(2**22 + 1)


def test_verdicts_for_programs() -> None:
    verdict = Verdict("flush_all", 7, None, 1767578400.25, "OSError: x")
    assert verdict.as_json() == {
        "process": "flush_all",
        "pid": 7,
        "healthy": True,
        "problem": None,
        "lastSuccess": "2026-01-05T02:00:00+00:00",
        "lastError": "OSError: x",
    }


def test_a_named_directory_is_emptied_of_what_is_ours(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b"
    environ = {"APP_METRICS_DIR": str(path)}
    assert directory.find(dict(environ)) == path
    directory.prepare(environ)
    beat(path)
    heartbeats.expect(path, ["x"])
    (path / "counter_1.db").touch()
    (path / "precious").touch()
    assert directory.prepare(environ) == path
    assert [file.name for file in path.iterdir()] == ["precious"]
    assert environ["PROMETHEUS_MULTIPROC_DIR"] == str(path)
    assert directory.find({"APP_METRICS_DIR": str(path)}) == path


def test_without_a_name_the_directory_is_a_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    one, two = directory.prepare({}), directory.prepare({})
    assert one != two
    assert one.parent == tmp_path
    assert one.stat().st_mode & 0o777 == 0o700
    assert directory.find({}) is None


def test_a_directory_that_can_not_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    assert directory.find({"APP_METRICS_DIR": str(tmp_path / "file")}) is None
    assert "nothing is recorded" in caplog.text
    with pytest.raises(DirectoryError, match="file' can not be used"):
        directory.prepare({"APP_METRICS_DIR": str(tmp_path / "file")})
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    if os.getuid() == 0:
        # Volumes of containers belong to root.
        assert directory.prepare({"APP_METRICS_DIR": str(tmp_path)}) == tmp_path
        os.chown(tmp_path, 54321, -1)
    with pytest.raises(DirectoryError, match="belongs to another user"):
        directory.prepare({"APP_METRICS_DIR": str(tmp_path)})

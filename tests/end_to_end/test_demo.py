"""The demo end to end: on one, two and four shards in the process, turn after turn, and over a real RabbitMQ."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest

from sandbox.demo import Databases, Scene, run_demo
from sql.connections import connect

pytestmark = pytest.mark.slow


@contextmanager
def seen(databases: Databases) -> Iterator[str]:
    """A dashboard that only looks whether it could work."""
    for url in (databases.solver, *databases.workers):
        with connect(url, "dashboard") as connection:
            assert connection.execute("select 1").fetchone() == (1,)
    yield "http://127.0.0.1/"


def test_trade_on_one_shard_goes_on_and_is_told_in_a_few_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """People earn and spend between turns, so they want to trade again."""
    monkeypatch.setattr("sandbox.demo.PAUSE_SECONDS", 0.0)
    assert run_demo(Scene(traders=120, currencies=20, shards=1, seed=12), tmp_path, seen, turns=2)
    output = capsys.readouterr().out
    first, _, rest = output.partition("The dashboard: http://127.0.0.1/\n")
    assert first.count("\n") <= 25
    later = re.findall(r"^turn (\d+): after \d+ purchases ([\d,.]+) EUR traded by (\d+) traders", rest, re.MULTILINE)
    assert [int(turn) for turn, _, _ in later] == [3, 4]
    assert all(int(traders) > 5 for _, _, traders in later)
    check_report(tmp_path, 20)


def check_report(folder: Path, currencies: int) -> None:
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["conserved"] is True
    assert summary["problems"] == []
    assert summary["traders_served"] > 0
    assert summary["share_of_bound"] > 0.9
    page = (folder / "index.html").read_text()
    assert "no money was lost, and none was made" in page
    assert "One of its circles" in page
    assert len(page) < 1_000_000
    assert 'src="http' not in page
    assert pl.read_parquet(folder / "conservation.parquet").select("conserved").to_series().all()
    assert pl.read_parquet(folder / "currencies.parquet").height == currencies
    trades = pl.read_parquet(folder / "trades.parquet")
    assert trades.filter(pl.col("amount") < 0).height > 0


@pytest.mark.parametrize("shards", [2, 4])
def test_economy_trades_on_shards(shards: int, tmp_path: Path) -> None:
    assert run_demo(Scene(traders=120, currencies=20, shards=shards, seed=11 + shards), tmp_path)
    check_report(tmp_path, 20)


@pytest.mark.rabbitmq
def test_economy_trades_over_rabbitmq(rabbitmq_url: str, tmp_path: Path) -> None:
    assert run_demo(Scene(traders=80, currencies=15, shards=2, seed=3, broker_url=rabbitmq_url), tmp_path)
    check_report(tmp_path, 15)

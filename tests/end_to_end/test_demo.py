"""The demo's economy end to end: on one, two and four shards in the process, and over a real RabbitMQ."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from sandbox.demo import Scene, run_demo

pytestmark = pytest.mark.slow


def check_report(folder: Path, currencies: int) -> None:
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["conserved"] is True
    assert summary["problems"] == []
    assert summary["traders_served"] > 0
    assert summary["share_of_bound"] > 0.9
    page = (folder / "index.html").read_text()
    assert "Every token is accounted for" in page
    assert 'src="http' not in page
    assert pl.read_parquet(folder / "conservation.parquet").select("conserved").to_series().all()
    assert pl.read_parquet(folder / "currencies.parquet").height == currencies
    trades = pl.read_parquet(folder / "trades.parquet")
    assert trades.filter(pl.col("amount") < 0).height > 0


@pytest.mark.parametrize("shards", [1, 2, 4])
def test_economy_trades_on_shards(shards: int, tmp_path: Path) -> None:
    assert run_demo(Scene(traders=120, currencies=20, shards=shards, seed=11 + shards), tmp_path)
    check_report(tmp_path, 20)


@pytest.mark.rabbitmq
def test_economy_trades_over_rabbitmq(rabbitmq_url: str, tmp_path: Path) -> None:
    assert run_demo(Scene(traders=80, currencies=15, shards=2, seed=3, broker_url=rabbitmq_url), tmp_path)
    check_report(tmp_path, 15)

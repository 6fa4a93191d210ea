"""The pipeline on parquet files."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from pipelines.solver.load import load_directory
from pipelines.solver.market import CURRENCIES, Market, MarketError
from pipelines.solver.solve import solve, solve_directory
from tests.pipelines.solver.directories import FRAMES, save
from tests.pipelines.solver.markets import make_market, random_market


def test_a_saved_market_gets_the_same_answer(tmp_path: Path) -> None:
    market = random_market(7, traders=100, currencies=6, minimum=1000)
    save(market, tmp_path)
    report = solve_directory(tmp_path, tmp_path / "new" / "out")
    trades = solve(market).trades
    out = tmp_path / "new" / "out"
    assert pl.read_parquet(out / "takings.parquet").equals(trades.takings)
    assert pl.read_parquet(out / "givings.parquet").equals(trades.givings)
    assert pl.read_parquet(out / "collector_transfers.parquet").equals(trades.collector_transfers)

    saved = json.loads((out / "report.json").read_text())
    assert saved["takings"] == report.takings == trades.takings.height > 0
    assert saved["offers"] == market.sell_offers.height + market.buy_offers.height
    assert 0.9 < saved["share_of_bound"] <= 1.001
    assert saved["traders_served"] <= saved["traders"] <= 100
    assert list(saved["seconds"]) == ["load", "price", "match", "settle", "collectors", "check", "write"]
    assert saved["peak_memory_bytes"] > 2**20


def test_an_empty_market_gives_an_empty_answer(tmp_path: Path) -> None:
    save(make_market(""), tmp_path)
    report = solve_directory(tmp_path, tmp_path / "out")
    assert (report.takings, report.traded_value, report.share_of_bound) == (0, 0.0, None)
    assert pl.read_parquet(tmp_path / "out" / "collector_transfers.parquet").height == 0


@pytest.mark.parametrize(("name", "what"), [(f"{name}.parquet", "no such file") for name in FRAMES])
def test_a_missing_file_is_named(tmp_path: Path, name: str, what: str) -> None:
    save(make_market(""), tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(MarketError, match=f"{name}.*{what}"):
        load_directory(tmp_path)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    save(make_market(""), tmp_path)
    pl.DataFrame({"creditor_id": [1], "debtor_id": [2]}).write_parquet(tmp_path / "buy_offers.parquet")
    with pytest.raises(MarketError, match="buy_offers: missing columns: amount"):
        load_directory(tmp_path)


def test_a_file_that_is_not_parquet_is_named(tmp_path: Path) -> None:
    save(make_market(""), tmp_path)
    (tmp_path / "sell_offers.parquet").write_text("hello")
    with pytest.raises(MarketError, match=r"sell_offers.parquet.*not a parquet file"):
        load_directory(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, r"meta.json.*cannot be read"),
        ("{", r"meta.json.*not JSON"),
        ("[]", r"meta.json.*missing keys: base_debtor_info_locator, base_debtor_id"),
        ('{"base_debtor_id": 1}', r"meta.json.*missing keys: base_debtor_info_locator, max_distance_to_base"),
        ({"min_trade_amount": 0}, r"meta.json.*min_trade_amount must be a whole number from 1"),
        ({"min_trade_amount": "1000"}, "min_trade_amount must be"),
        ({"max_distance_to_base": True}, "max_distance_to_base must be"),
        ({"base_debtor_id": 2**64}, "base_debtor_id must be"),
        ({"base_debtor_info_locator": None}, "base_debtor_info_locator must be"),
    ],
)
def test_a_wrong_meta_file_is_explained(tmp_path: Path, text: str | dict[str, object] | None, message: str) -> None:
    save(make_market(""), tmp_path)
    path = tmp_path / "meta.json"
    if text is None:
        path.unlink()
    elif isinstance(text, str):
        path.write_text(text)
    else:
        path.write_text(json.dumps({**json.loads(path.read_text()), **text}))
    with pytest.raises(MarketError, match=message):
        load_directory(tmp_path)


def test_values_that_do_not_fit_are_left_out_not_fatal() -> None:
    market = make_market("S 1 1 5000 9; B 1 2 5000; S 2 2 5000 9; B 2 1 5000", {2: 1.0})
    huge = market.buy_offers.with_columns(amount=pl.col("amount").cast(pl.Int128) * 2**60)
    collector = pl.lit(None, dtype=pl.Int64)
    solution = solve(
        Market(
            market.parameters,
            market.currencies,
            market.collector_accounts,
            pl.concat([market.sell_offers, market.sell_offers.with_columns(collector_id=collector)]),
            pl.concat([market.buy_offers.cast({"amount": pl.Int128}), huge]),
        )
    )
    assert solution.left_out == {"missing value": 4}
    assert solution.trades.takings.height == 2


def test_a_column_of_the_wrong_type_is_an_error() -> None:
    market = make_market("")
    with pytest.raises(MarketError, match="currencies"):
        Market(
            market.parameters,
            pl.DataFrame({name: [[1]] for name in CURRENCIES}),
            market.collector_accounts,
            market.sell_offers,
            market.buy_offers,
        )

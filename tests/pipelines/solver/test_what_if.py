"""The same market with other parameters, and what that changes for whom."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner, Result

from admin.cli import main
from pipelines.solver.market import MarketError
from pipelines.solver.what_if import changed
from tests.pipelines.solver.directories import save
from tests.pipelines.solver.markets import make_market, random_market


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)))


def test_every_parameter_can_be_changed() -> None:
    market = make_market("")
    changes = ["min_trade_amount=5", "max_distance_to_base=3", "base_debtor_info_locator=https://x=y"]
    parameters = changed(market, [*changes, "base_debtor_id=18446744073709551615"]).parameters
    assert (parameters.min_trade_amount, parameters.max_distance_to_base) == (5, 3)
    assert (parameters.base_debtor_info_locator, parameters.base_debtor_id) == ("https://x=y", -1)
    assert changed(market, ["base_debtor_id=0xffffffffffffffff"]).parameters.base_debtor_id == -1
    assert changed(market, []) is market


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("min_trade_amount", "write NAME=VALUE, with a NAME of base_debtor_info_locator, base_debtor_id, max_dist"),
        ("minimum=5", "write NAME=VALUE"),
        ("min_trade_amount=1.5", "min_trade_amount must be a whole number, not '1.5'"),
        ("min_trade_amount=0", "min_trade_amount must be a whole number from 1"),
        ("base_debtor_id=18446744073709551616", "base_debtor_id must be a whole number from"),
    ],
)
def test_a_change_that_makes_no_sense_is_explained(change: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(MarketError, match=message):
        changed(make_market(""), [change])
    save(make_market(""), tmp_path)
    done = run("solve", tmp_path, tmp_path / "out", "--set", change)
    assert (done.exit_code, message in done.output) == (1, True)


def test_what_if_is_answered_for_each_trader(tmp_path: Path) -> None:
    market = random_market(3, traders=200, currencies=8, minimum=1000)
    save(market, tmp_path)
    for folder, options in (("a", []), ("b", ["--set", "min_trade_amount=200000"])):
        assert run("solve", tmp_path, tmp_path / folder, *options).exit_code == 0
    done = run("compare", tmp_path / "a", tmp_path / "b", "--json", "--most", "3")
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)
    reports = [json.loads((tmp_path / folder / "report.json").read_text()) for folder in "ab"]
    for name in ("traded_value", "share_of_bound", "traders_served", "takings"):
        assert found["totals"][name] == [report[name] for report in reports]
    assert reports[0]["traded_value"] > reports[1]["traded_value"]
    assert found["reasons"]["below minimum"][1] > found["reasons"]["below minimum"][0]
    given = []
    for folder in "ab":
        takings = pl.read_parquet(tmp_path / folder / "takings.parquet")
        prices = pl.read_parquet(tmp_path / folder / "prices.parquet")
        values: dict[int, float] = {}
        for creditor_id, amount, price in (
            takings.join(prices, on="debtor_id").select("creditor_id", "amount", "price").rows()
        ):
            values[creditor_id] = values.get(creditor_id, 0.0) + amount * price
        given.append(values)
    everybody = sorted(given[0].keys() | given[1].keys())
    changes = {trader: given[1].get(trader, 0.0) - given[0].get(trader, 0.0) for trader in everybody}
    losers = sorted((trader for trader in everybody if changes[trader] < 0), key=lambda trader: changes[trader])
    assert len(losers) > 3
    assert [loser["id"] for loser in found["losers"]] == losers[:3]
    assert found["losers"][0]["after"] - found["losers"][0]["before"] == pytest.approx(changes[losers[0]])
    assert found["lost"] == len(given[0].keys() - given[1].keys())
    assert found["served"] == len(given[1].keys() - given[0].keys())
    lost = {(turn["before"], turn["after"]): turn["offers"] for turn in found["turnabouts"]}
    assert lost["traded", "below minimum"] > 0
    assert found["is_same"] is False

    text = run("compare", tmp_path / "a", tmp_path / "b").output
    assert "biggest losers" in text
    assert "traded -> below minimum" in text
    assert str(losers[0] % 2**64) in text
    assert all(len(line) <= 80 for line in text.splitlines())


def test_a_directory_without_an_answer_is_named(tmp_path: Path) -> None:
    save(make_market(""), tmp_path)
    done = run("compare", tmp_path, tmp_path)
    assert (done.exit_code, "report.json: cannot be read" in done.output) == (1, True)
    assert run("solve", tmp_path, tmp_path / "out").exit_code == 0
    (tmp_path / "out" / "prices.parquet").unlink()
    done = run("compare", tmp_path / "out", tmp_path / "out")
    assert (done.exit_code, "prices.parquet: there is no such file" in done.output) == (1, True)


def test_other_prices_are_told(tmp_path: Path) -> None:
    for folder, rate in (("a", 2.0), ("b", 3.0)):
        (tmp_path / folder).mkdir()
        save(make_market("S 1 1 5000 9; B 1 2 5000", {2: rate}, [(1, 9), (2, 9)]), tmp_path / folder)
        assert run("solve", tmp_path / folder, tmp_path / folder / "out").exit_code == 0
    done = run("compare", tmp_path / "a" / "out", tmp_path / "b" / "out")
    assert "note: 1 currencies have another price" in done.output

"""The smallest whole thing: five traders, three currencies, one shard, money moved."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner
from rich.console import Console

from admin.cli import main
from admin.web.app import create_app
from sandbox.demo import AMOUNT_CUT, Progress, pace_of, trade
from sandbox.servers.documents import DocumentServer
from sandbox.world.exchange import InProcessExchange
from sandbox.world.world import World
from settings.config import load
from tests.databases import hostile_server
from tests.end_to_end.towns import BASE, COPPER, FIRST_TRADER, SILVER, circle

pytestmark = pytest.mark.slow


def test_five_traders_trade_in_a_circle_and_the_turn_is_solved_again_to_the_same_answer(tmp_path: Path) -> None:
    economy = circle()
    with (
        hostile_server() as server,
        DocumentServer() as documents,
        World(server, InProcessExchange(), 1, pace_of(economy, documents), documents) as world,
    ):
        story = trade(world, economy, Progress(Console(quiet=True)))
        outcome, report = story.outcome, story.report
        principals = world.settlement().principals
        (turn_id,) = [number for number, solved in world.solver_reports.items() if solved.offers]
        environment = {"SOLVER_POSTGRES_URL": world.url("solver")}
        web = {"APP_WORKER_POSTGRES_URLS": world.url("worker_0"), "APP_WEBSERVER_NO_TOKEN_CHECK": "true"}
        client = create_app(load("webserver", environment | web)).test_client()
        told = {
            trader: client.get(f"/trade/turns/{turn_id}/creditors/{FIRST_TRADER + trader}").json for trader in range(3)
        }
        circle_text = CliRunner().invoke(main, ["turns", "circles", str(turn_id)], env=environment).output
        for arguments in (
            ["export_turn", str(turn_id), str(tmp_path / "turn")],
            ["solve", str(tmp_path / "turn"), str(tmp_path / "again")],
            ["compare", str(tmp_path / "turn"), str(tmp_path / "again")],
        ):
            done = CliRunner().invoke(main, arguments, env=environment)
            assert done.exit_code == 0, done.output
            if arguments[0] == "solve":
                assert f"this is the answer that turn {turn_id} had" in done.output
    assert done.output.startswith("the same is paid in both: nothing changed\n")
    # The exported market is what the shards had sent, and the exported answer is what they then paid.
    offers = pl.read_parquet(tmp_path / "turn" / "sell_offers.parquet")
    assert offers.height == 3 == story.report.takings
    takings = pl.read_parquet(tmp_path / "turn" / "takings.parquet")
    for creditor_id, debtor_id, amount in takings.select("creditor_id", "debtor_id", "amount").iter_rows():
        key = (creditor_id, debtor_id)
        assert story.before.principals[key] - story.after.principals[key] == amount
    assert outcome.problems() == []
    assert report.share_of_bound is not None
    assert report.share_of_bound > 0.999
    # What is given is exact; what is got has paid the cut, rounded down, once per payment.
    anna, boris, clara = (FIRST_TRADER + n for n in range(3))
    assert principals[anna, BASE] == 94_000
    assert principals[boris, SILVER] == 47_000
    assert principals[clara, COPPER] == 188_000
    assert principals[anna, COPPER] == int(12_000 * (1 - AMOUNT_CUT))
    assert principals[boris, BASE] == int(6_000 * (1 - AMOUNT_CUT))
    assert principals[clara, SILVER] == int(3_000 * (1 - AMOUNT_CUT))
    # The API tells the same, by the locks and by what the collectors' shards know.
    for trader, answer in told.items():
        assert answer is not None
        for offer in answer["items"]:
            payment, key = offer["payment"], (FIRST_TRADER + trader, int(offer["signedDebtorId"]))
            if payment is not None:
                assert payment["account"]["state"] == "paid"
                # All is over, so collectors have nothing left to know.
                assert payment["collector"]["state"] == "nothing open"
                moved = story.after.principals[key] - story.before.principals[key]
                assert payment["paidAmount"] == abs(moved)
    assert {offer["name"] for offer in told[0]["items"]} == {"base", "copper"}
    assert f"{COPPER % 2**64} (copper)" in circle_text
    untouched = {a.creditor_id: a for a in economy.accounts if a.creditor_id >= FIRST_TRADER + 3}
    for row in economy.accounts:
        if row.creditor_id in untouched:
            assert principals[row.creditor_id, row.debtor_id] == row.principal

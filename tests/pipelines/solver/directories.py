"""Markets as directories of files."""

from __future__ import annotations

import json
from pathlib import Path

from pipelines.solver.market import Market

FRAMES = ("currencies", "collector_accounts", "sell_offers", "buy_offers")


def save(market: Market, directory: Path) -> None:
    for name in FRAMES:
        getattr(market, name).write_parquet(directory / f"{name}.parquet")
    meta = {
        "base_debtor_info_locator": market.parameters.base_debtor_info_locator,
        "base_debtor_id": market.parameters.base_debtor_id,
        "max_distance_to_base": market.parameters.max_distance_to_base,
        "min_trade_amount": market.parameters.min_trade_amount,
        "somebody's note": "ignored",
    }
    (directory / "meta.json").write_text(json.dumps(meta))

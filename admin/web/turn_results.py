"""The result of a turn, from its archive."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from pipelines.solver.archived import archive_of, archived_part
from pipelines.solver.load import parameters_of
from pipelines.solver.market import TurnParameters

Connection = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why offers traded nothing: how many, and what the sell and the buy offers among them are worth in base tokens.

    Offers without a price are worth nothing; None stands for a value beyond doubles.
    """

    reason: str
    offers: int
    sell_value: float | None
    buy_value: float | None


@dataclass(frozen=True, slots=True)
class TurnResult:
    """The result of a turn. Values are in base tokens; None stands for a number beyond doubles, or a share of nothing.

    What was offered and neither traded nor has a reason was left over by offers that traded a part. `reasons` are
    sorted, the one of most offers first. `seconds` is how long each step of the solver took.
    """

    turn_id: int
    started_at: datetime
    parameters: TurnParameters
    traded_value: float | None
    upper_bound: float | None
    share_of_bound: float | None
    traders: int
    traders_served: int
    offers: int
    takings: int
    givings: int
    collector_transfers: int
    offered_sell_value: float | None
    offered_buy_value: float | None
    reasons: list[Reason]
    time_limit_reached: bool
    warnings: list[str]
    seconds: dict[str, float]


def turn_result(connection: Connection, turn_id: int) -> TurnResult:
    """The result of a turn. Raises NotArchived, which says why, where there is no archive of it."""
    started_at = archive_of(connection, turn_id)
    report = json.loads(archived_part(connection, turn_id, started_at, "report.json", 0))
    values = report["untraded_values"]
    reasons = [
        Reason(reason, count, values[reason]["sell"], values[reason]["buy"])
        for reason, count in report["untraded"].items()
    ]
    same = ("traded_value", "upper_bound", "share_of_bound", "traders", "traders_served", "offers", "takings")
    also = ("givings", "collector_transfers", "time_limit_reached", "warnings", "seconds")
    return TurnResult(
        turn_id=turn_id,
        started_at=started_at,
        parameters=archived_parameters(connection, turn_id, started_at),
        offered_sell_value=report["offered_values"]["sell"],
        offered_buy_value=report["offered_values"]["buy"],
        reasons=sorted(reasons, key=lambda reason: (-reason.offers, reason.reason)),
        **{name: report[name] for name in (*same, *also)},
    )


def archived_parameters(connection: Connection, turn_id: int, started_at: datetime) -> TurnParameters:
    """What the turn fixed for its solver."""
    meta = archived_part(connection, turn_id, started_at, "meta.json", 0)
    return parameters_of(meta, f"meta.json of turn {turn_id}")

"""The counters of all processes. Import it only when PROMETHEUS_MULTIPROC_DIR is set: the library looks at once."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

MESSAGES = Counter(
    "swpt_trade_messages",
    "Messages by what happened to them: received, redelivered, drained, sent, dead_letter, unroutable, set_aside",
    ["event", "type"],
)
REPEATED = Counter("swpt_trade_repeated_transactions", "Transactions of the drain that another one disturbed")
STEP_SECONDS = Histogram(
    "swpt_trade_step_seconds",
    "Time of a step that had something to do",
    ["step"],
    buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000),
)
STEP_ITEMS = Histogram(
    "swpt_trade_step_items",
    "What a step had to do: messages of a batch, rows, documents",
    ["step"],
    buckets=(1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000),
)
STEP_FAILURES = Counter("swpt_trade_step_failures", "Steps that failed and were tried again", ["step", "error"])
RECONNECTS = Counter("swpt_trade_reconnects", "Successes after failures, with new connections", ["step"])


def _latest(name: str, meaning: str, labels: tuple[str, ...] = ()) -> Gauge:
    return Gauge(f"swpt_trade_solver_{name}", f"Last solved turn: {meaning}", labels, multiprocess_mode="mostrecent")


SOLVER_TRADED_VALUE = _latest("traded_value", "value of all takings, base tokens")
SOLVER_UPPER_BOUND = _latest("upper_bound", "value that could be traded without minimum amounts, base tokens")
SOLVER_SHARE = _latest("share_of_bound_ratio", "traded value of the upper bound")
SOLVER_GAP = _latest("gap_ratio", "what is missing to the upper bound")
SOLVER_OFFERS = _latest("offers", "offers")
SOLVER_TRADERS = _latest("traders", "traders with offers")
SOLVER_SERVED = _latest("traders_served", "traders who give and get")
SOLVER_MEMORY = _latest("peak_memory_bytes", "most memory of the process")
SOLVER_SECONDS = _latest("seconds", "time of each step", ("step",))
SOLVER_TIME = _latest("solved_timestamp_seconds", "when it was solved, seconds since 1970")

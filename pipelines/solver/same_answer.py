"""Whether a turn that was exported and solved again got the answer that it had."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from pipelines.solver.archived import exported_meta

_NAMES = ("takings", "givings", "collector_transfers")


def said_of_archived(input_dir: Path, output_dir: Path) -> Iterator[str]:
    """A line about it, if the input is an exported turn."""
    meta = exported_meta(input_dir)
    if not meta or not all((input_dir / f"{name}.parquet").is_file() for name in _NAMES):
        return
    if all(_rows(input_dir, name).equals(_rows(output_dir, name)) for name in _NAMES):
        yield f"this is the answer that turn {meta['turn_id']} had"
    elif meta.get("time_limit_reached"):
        yield (
            f"this is not the answer that turn {meta['turn_id']} had: its time limit had been reached, so it had "
            "the best that was found until then"
        )
    else:
        yield f"warning: this is not the answer that turn {meta['turn_id']} had: that may be of another release"


def _rows(directory: Path, name: str) -> pl.DataFrame:
    frame = pl.read_parquet(directory / f"{name}.parquet")
    return frame.sort(frame.columns)

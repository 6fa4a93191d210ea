"""How many histories are played.

SWPT_TRADE_HISTORIES chooses how many they are in all properties together: `dev` (the default) or `ci` (the default
where the variable CI is set). Tests that are not slow play a fixed sample.
"""

from __future__ import annotations

import math
import os
from typing import Literal

HISTORIES = {"sample": 28, "dev": 200, "ci": 2000}
Size = Literal["sample", "full"]


def profile(size: Size) -> str:
    if size == "sample":
        return size
    return os.environ.get("SWPT_TRADE_HISTORIES") or ("ci" if os.environ.get("CI") else "dev")


def history_count(profile_name: str, share: float) -> int:
    """Histories of a property that has this share (0 .. 1) of all."""
    return math.ceil(HISTORIES[profile_name] * share)

"""How many invented examples a test tries: all of them, or a tenth where slow tests are left out (`make check`)."""

from __future__ import annotations

import math

import pytest

_FEWER = 10
_is_quick = False


def pytest_configure(config: pytest.Config) -> None:
    """Before the modules of the tests are imported."""
    global _is_quick
    _is_quick = "not slow" in config.getoption("markexpr")


def examples(count: int) -> int:
    """Of so many examples, those of this run."""
    return math.ceil(count / _FEWER) if _is_quick else count

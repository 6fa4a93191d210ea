"""The marker by which a test says which numbers of the behaviour it shows."""

from __future__ import annotations

import pytest


def covers(*numbers: str) -> pytest.MarkDecorator:
    """For a test, or as `marks` of one of its parameters: `@covers("V6.17", "G27")`. See tests/coverage_map.py."""
    return pytest.mark.covers(*numbers)

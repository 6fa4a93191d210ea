from __future__ import annotations

import itertools

import pytest

_numbers = itertools.count(1)


@pytest.fixture
def name_prefix() -> str:
    """Goes before the names of a test's exchanges and queues."""
    return f"t{next(_numbers)}."

from __future__ import annotations

import pytest

from tests.conftest import Connection
from tests.covering import covers


@covers("V1.11")
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (2**63, 2**63 - 1),
        (-(2**63), -(2**63) + 1),
        (-5, -5),
        (2**63 - 1, 2**63 - 1),
        (10**30, 2**63 - 1),
        (-(10**30), -(2**63) + 1),
        (0, 0),
    ],
)
def test_sums_are_cut_to_64_bits(worker_db: Connection, value: int, expected: int) -> None:
    assert worker_db.execute("select worker.clamp64(%s::numeric)", (value,)).fetchone() == (expected,)

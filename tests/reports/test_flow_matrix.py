"""Flows between few currencies, as a table."""

from __future__ import annotations

import re

import pytest

from reports.flow_chart import OTHERS
from reports.flow_matrix import flow_matrix


def rows(flows: dict[tuple[str, str], float], most: int = 12) -> list[list[str]]:
    """The texts of all cells; the first row is the head."""
    table = str(flow_matrix(flows, most))
    found = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>(.*?)</tr>", table)]
    assert len({len(row) for row in found}) == 1
    return found


def test_both_sides_have_the_same_order_and_add_up() -> None:
    assert rows({("a", "b"): 1000.0, ("b", "c"): 3000.0, ("c", "b"): 500.0}) == [
        ["Given, for what", "b", "c", "a", "All that was given"],
        ["b", "", "3,000", "", "3,000"],
        ["c", "500", "", "", "500"],
        ["a", "1,000", "", "", "1,000"],
        ["All that was got", "1,500", "3,000", "0", "4,500"],
    ]


def test_heads_have_a_scope_and_the_largest_value_is_darkest() -> None:
    table = str(flow_matrix({("a", "b"): 1000.0, ("b", "a"): 1.0}))
    assert len(re.findall("<th ", table)) == len(re.findall(r'<th scope="(?:row|col)"', table)) == 7
    assert '<td class="n s5">1,000</td>' in table
    assert '<td class="n s1">1</td>' in table


def test_names_of_others_are_escaped() -> None:
    assert "<script>" not in str(flow_matrix({("<script>", "b"): 1.0}))


@pytest.mark.parametrize(("small", "is_folded"), [(1.0, True), (900.0, False)])
def test_little_value_is_folded_and_much_is_not_hidden(small: float, is_folded: bool) -> None:
    flows = {(f"c{n:02}", f"c{n + 1:02}"): 1000.0 for n in range(11)} | {("x", "y"): small, ("y", "x"): small}
    assert (flow_matrix(flows) is not None) == is_folded
    assert flow_matrix(flows, most=20) is not None
    if is_folded:
        head, *_ = rows(flows)
        assert len(head) == 14
        assert head[-2] == OTHERS


def test_nothing_and_what_is_beyond_doubles_has_no_table() -> None:
    assert flow_matrix({}) is None
    assert flow_matrix({("a", "b"): float("inf")}) is None

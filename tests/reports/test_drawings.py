"""The drawings of reports: what they show, what they leave out, and that texts can do no harm in them."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from reports.circle_drawing import HEIGHT, WIDTH, Giving, broken, circle_drawing
from reports.flow_chart import OTHERS, flow_chart
from reports.peg_tree import Peg, peg_tree
from reports.strip import strip
from reports.waterfall import Step, waterfall

RING = [Giving("Anna", "6,000 base"), Giving("Boris", "3,000 silver"), Giving("Clara <b>", "12,000 copper")]


def texts(markup: str) -> list[str]:
    return [text.strip() for text in ET.fromstring(f"<div>{markup}</div>").itertext() if text.strip()]


def test_a_circle_is_drawn_step_by_step() -> None:
    for shown in (1, 2, 3):
        drawing = circle_drawing(RING, shown)
        assert drawing.count('class="arc new"') == 1
        assert drawing.count('class="arc') == shown
        amounts = [giving.amount for giving in RING if giving.amount in texts(drawing)]
        assert amounts == [RING[shown - 1].amount]
    whole = circle_drawing(RING)
    assert whole.count('class="arc new"') == 3
    assert {"1", "2", "3", "Anna", "Boris", "Clara <b>"} == set(texts(whole))
    assert "Clara &lt;b&gt; gives 12,000 copper to Anna" in whole


def test_names_stay_within_the_drawing() -> None:
    for count in (2, 3, 4, 5, 8):
        drawing = circle_drawing([Giving("Veterinary Clinic Szombathely", "1 base")] * count)
        places = re.findall(r'<tspan x="([\d.-]+)" y="([\d.-]+)"', drawing)
        assert all(0 < float(x) < WIDTH and 0 < float(y) < HEIGHT for x, y in places)


def test_long_texts_are_broken_into_two_lines() -> None:
    assert broken("2,340.55 Sofia Bakery Points", 18) == ["2,340.55 Sofia", "Bakery Points"]
    assert broken("Anna", 18) == ["Anna"]
    assert broken("x" * 40, 18) == ["x" * 22 + "\u2026"]


def test_small_flows_are_folded_and_never_drawn_between_each_other() -> None:
    chart = flow_chart({("a", "b"): 50.0, ("c", "a"): 30.0, ("b", "c<"): 10.0, ("d", "e"): 7.0}, most=3)
    ET.fromstring(f"<div>{chart}</div>")
    assert f"{OTHERS} \u2192 {OTHERS}" not in chart
    assert "Not drawn: 7 that went between two of the 3 other currencies." in chart
    wide = chart[: chart.index('class="narrow"')]
    names = re.findall(r"<text[^>]*>([^<]*)</text>", wide)
    # Both sides have one order.
    assert names == ["a", "b", "c", "b", "a", OTHERS] or names == ["a", "b", "c", "a", "b", OTHERS]
    assert flow_chart({}) == flow_chart({("a", "b"): float("inf")}) == "<p>There is nothing to draw.</p>"
    assert "g&lt;" in flow_chart({("g<", "h"): 1.0})


def test_a_waterfall_goes_from_the_whole_to_the_rest() -> None:
    steps = [Step("no <circle>", 30.0, "30 EUR", "nobody"), Step("too small", 10.0, "10 EUR")]
    drawn = waterfall(Step("offered", 100.0, "100 EUR"), steps, Step("traded", 60.0, "60 EUR"))
    assert texts(drawn) == [
        "offered", "100 EUR", "no <circle>", "nobody", "30 EUR", "too small", "10 EUR", "traded", "60 EUR",
    ]  # fmt: skip
    bars = re.findall(r'x="([\d.]+)" width="([\d.]+)"', drawn)
    assert bars == [("0.00", "100.00"), ("70.00", "30.00"), ("60.00", "10.00"), ("0.00", "60.00")]


def test_whatever_there_is_can_be_seen() -> None:
    assert 'x="99.60" width="0.40"' in strip(999_999.0, 1_000_000.0, 1_000_000.0)
    assert 'width="0.00"' in strip(0.0, 0.0, 0.0)


def test_a_peg_tree_folds_the_lightest() -> None:
    pegs = [Peg(1, None, "Euro", "the base"), *(Peg(n, 1, f"coin {n}", "= 1 EUR", weight=-n) for n in range(2, 12))]
    tree = peg_tree(pegs, most_children=3)
    found = texts(tree)
    assert found[:2] == ["Euro", "the base"]
    assert found.index("coin 4") < found.index("7 more") < found.index("coin 5")
    assert peg_tree(pegs, most=4).count("<li><div>") == 4
    # One that pegs to itself, or to nobody known, is a root; it ends.
    assert texts(peg_tree([Peg(7, 7, "self", "?"), Peg(8, 99, "lost", "?")])) == ["lost", "?", "self", "?"]

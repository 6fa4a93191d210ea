"""Drawings as files of their own."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest
from markupsafe import Markup

from reports.circle_drawing import Giving, circle_drawing
from reports.peg_tree import Peg
from reports.picture import peg_drawing, picture, told_circle

STEPS = [Giving("Ada & Co", "2 coins"), Giving("Ben", "3 <notes>"), Giving("Cleo", "1 bill")]


def texts(svg: str) -> list[str]:
    """What people read in a picture, text by text."""
    root = ElementTree.fromstring(svg)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    return ["".join(element.itertext()) for element in root.iter("{http://www.w3.org/2000/svg}text")]


def test_a_circle_says_what_each_of_its_numbers_means() -> None:
    assert texts(picture(told_circle(STEPS)))[-3:] == [
        "1. Ada & Co gives 2 coins to Ben",
        "2. Ben gives 3 <notes> to Cleo",
        "3. Cleo gives 1 bill to Ada & Co",
    ]


def test_every_currency_stands_below_the_one_that_it_is_pegged_to() -> None:
    svg = picture(
        peg_drawing([Peg(1, None, "Town", "base"), Peg(3, 2, "C", "x"), Peg(2, 1, "B", "y"), Peg(4, 9, "D", "z")])
    )
    assert texts(svg) == ["Townbase", "By", "Cx", "Dz"]


def test_a_picture_has_only_the_rules_that_it_needs() -> None:
    style = picture(circle_drawing(STEPS)).split("<style>")[1].split("</style>")[0]
    assert "svg.ring" in style
    assert "prefers-color-scheme: dark" in style
    for foreign in (".falls", ".tree", "--c5", "svg.strip"):
        assert foreign not in style


def test_a_drawing_without_a_size_is_refused() -> None:
    with pytest.raises(ValueError, match="viewBox"):
        picture(Markup("<svg></svg>"))

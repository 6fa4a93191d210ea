"""The document about the configuration says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from settings.config import FIELDS, default_text, kind_of
from settings.docs import configuration_md

DOCUMENT = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_the_document_is_up_to_date() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == configuration_md(), (
        "run: python -m settings.docs docs/configuration.md"
    )


def test_every_variable_has_exactly_one_row() -> None:
    rows = re.findall(r"^\| `([A-Z0-9_]+)` \|", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(rows) == sorted(FIELDS)


def test_every_variable_is_explained() -> None:
    for variable, field in FIELDS.items():
        assert field.description, variable
        assert isinstance(field.json_schema_extra, dict), variable
        assert field.json_schema_extra["used_by"], variable


def test_written_defaults_are_read_as_the_defaults() -> None:
    for variable, field in FIELDS.items():
        if isinstance(field.json_schema_extra, dict) and field.json_schema_extra["default_text"] is None:
            assert kind_of(field).parse(default_text(variable)) == field.default, variable

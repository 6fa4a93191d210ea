"""Each folder of functions has an INDEX in reading order."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sql_index import ROOT, folders, functions, order, render


@pytest.mark.parametrize("folder", folders(), ids=lambda folder: folder.relative_to(ROOT).as_posix())
def test_the_index_names_each_function_once_and_says_what_it_does(folder: Path) -> None:
    assert sorted(order(folder)) == sorted(functions(folder))
    assert (folder / "INDEX").read_text() == render(folder), "run: python -m tests.sql_index"


def test_every_message_type_has_its_handler() -> None:
    from bridge.messages.names import CONSUMED_TYPES
    from tests.sql_index import ROOT

    handlers = functions(ROOT / "worker" / "functions" / "handlers")
    assert sorted(name.removeprefix("apply_").replace("_", "") for name in handlers) == sorted(
        name.lower() for name in CONSUMED_TYPES
    )

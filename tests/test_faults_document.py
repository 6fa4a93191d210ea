"""Each command that tries faults writes its own part of the document."""

from __future__ import annotations

from pathlib import Path

from tests.faults_document import write_part


def test_a_part_takes_the_place_of_the_one_with_its_heading(tmp_path: Path) -> None:
    path = tmp_path / "faults.md"
    for text in ("# Faults\n\nold", "## Second\n\ntable\n", "# Faults\n\nnew\n"):
        write_part(path, text)
    assert path.read_text() == "# Faults\n\nnew\n\n## Second\n\ntable\n"

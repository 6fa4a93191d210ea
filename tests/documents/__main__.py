"""Writes the pictures of the documents, and the outputs of commands in them: `python -m tests.documents`."""

from __future__ import annotations

from tests.documents.outputs import DOCUMENTS, ROOT, with_outputs
from tests.documents.pictures import FOLDER, PICTURES

if __name__ == "__main__":
    for name, make in PICTURES.items():
        (FOLDER / name).write_text(make(), encoding="utf-8")
    for document in DOCUMENTS:
        path = ROOT / document
        path.write_text(with_outputs(path.read_text(encoding="utf-8")), encoding="utf-8")

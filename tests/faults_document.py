"""`docs/faults.md` has a part from each command that tries faults; each command writes its own."""

from __future__ import annotations

from pathlib import Path


def write_part(path: Path, text: str) -> None:
    """Puts a part in the place of the one with the same heading (its first line), or behind all others."""
    heading = text.partition("\n")[0]
    parts: list[str] = []
    for line in path.read_text().splitlines(keepends=True) if path.exists() else []:
        if line.startswith(("# ", "## ")) or not parts:
            parts.append("")
        parts[-1] += line
    headings = [part.partition("\n")[0] for part in parts]
    if heading in headings:
        parts[headings.index(heading)] = text
    else:
        parts.append(text)
    path.write_text("\n\n".join(part.strip("\n") for part in parts) + "\n")

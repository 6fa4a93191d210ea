"""The INDEX of each folder of functions, in the order in which one reads them: `python -m tests.sql_index` fills them.

The order is written by hand: move the lines. What a function does is the first sentence of its comment. New functions
are put at the end, and those that are gone leave.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1] / "sql"

_COMMENT = re.compile(r"comment on function [^']*? is\s+((?:'(?:[^']|'')*'\s*)+);")
_LINE = re.compile(r"^\s*([a-z0-9_]+)\b")
_SENTENCE = re.compile(r"(?:\([^)]*\)|[^.;:(]|[.;:](?! |$))*")


def folders() -> list[Path]:
    """Those that have functions."""
    return sorted({path.parent for path in ROOT.glob("*/functions/**/*.sql")})


def functions(folder: Path) -> dict[str, str]:
    """What each public function of a folder does, in a sentence."""
    found = {}
    for path in folder.glob("[!_]*.sql"):
        comment = _COMMENT.search(path.read_text())
        assert comment is not None, f"{path} has no comment"
        text = "".join(re.findall(r"'((?:[^']|'')*)'", comment[1])).replace("''", "'")
        sentence = _SENTENCE.match(text)
        found[path.stem] = (sentence[0] if sentence else text).rstrip(".;:")
    return found


def order(folder: Path) -> list[str]:
    """The functions in the order of the INDEX, as far as there is one."""
    index = folder / "INDEX"
    lines = index.read_text().splitlines() if index.exists() else []
    return [match[1] for line in lines if (match := _LINE.match(line))]


def render(folder: Path) -> str:
    """The INDEX as it should be."""
    does = functions(folder)
    names = [name for name in order(folder) if name in does]
    names += sorted(does.keys() - set(names))
    width = max(map(len, names))
    return "".join(f"{name:{width}}  {does[name]}\n" for name in names)


if __name__ == "__main__":
    for each in folders():
        (each / "INDEX").write_text(render(each))

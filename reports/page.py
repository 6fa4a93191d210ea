"""What all pages have in common: the frame, the style, the figures at the top, tables and bars."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files

STYLE = files("reports").joinpath("page.css").read_text(encoding="utf-8")


class Html(str):
    """A text that is HTML already. Every other text is escaped where it enters a page."""


def escape(text: str) -> Html:
    """The text as HTML; HTML stays what it is."""
    return text if isinstance(text, Html) else Html(html.escape(text))


def page(title: str, heading: str, body: str) -> str:
    """A whole page, its style included. `body` is HTML."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head><body>'
        f"<h1>{escape(heading)}</h1>{body}</body></html>\n"
    )


def verdict(text: str, is_good: bool) -> Html:
    """The one sentence that says whether all is well."""
    return Html(f'<p class="verdict {"good" if is_good else "bad"}">{escape(text)}</p>')


def figures(values: Mapping[str, str]) -> Html:
    """Boxes with a figure each, named below it."""
    boxes = "".join(f"<div><b>{escape(value)}</b>{escape(name)}</div>" for name, value in values.items())
    return Html(f'<div class="numbers">{boxes}</div>')


def table(head: Sequence[str], rows: Iterable[Sequence[str]], numeric: frozenset[int] = frozenset()) -> Html:
    """A table that scrolls when it is long. The columns in `numeric` stand to the right."""

    def cell(tag: str, index: int, text: str) -> str:
        return f"<{tag}{' class=n' if index in numeric else ''}>{escape(text)}</{tag}>"

    header = "".join(cell("th", index, text) for index, text in enumerate(head))
    body = "".join(f"<tr>{''.join(cell('td', index, text) for index, text in enumerate(row))}</tr>" for row in rows)
    return Html(f'<div class="scroll"><table><thead><tr>{header}</tr></thead><tbody>{body}</tbody></table></div>')


def bars(rows: Sequence[tuple[str, float, str]], quiet: frozenset[str] = frozenset()) -> Html:
    """Horizontal bars, to the scale of the largest: (name, number, the number as it is written).

    Names in `quiet` get a bar in a pale colour.
    """
    largest = max((number for _, number, _ in rows), default=0.0) or 1.0

    def line(name: str, number: float, written: str) -> str:
        style = f'class="bar{" quiet" if name in quiet else ""}" style="width:{100.0 * number / largest:.2f}%"'
        cells = f"<td>{escape(name)}</td><td class=n>{escape(written)}</td><td class=wide><span {style}></span></td>"
        return f"<tr>{cells}</tr>"

    return Html(f"<table><tbody>{''.join(line(*row) for row in rows)}</tbody></table>")

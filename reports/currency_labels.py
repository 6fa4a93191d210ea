"""What currencies are called on pages, where there is little room: no two of them the same."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping

from pipelines.names import CurrencyName
from pipelines.texts import shown

LONGEST = 32
"""Characters of a name with its abbreviation, or of the end of a locator."""

_UNNAMED = re.compile(r"currency [0-9]+\b")


def currency_labels(names: Mapping[int, CurrencyName], locators: Mapping[int, str | None]) -> dict[int, str]:
    """Labels of currencies by debtor ID: the name, else the end of the locator.

    To what others are called, too, or what only looks so, the ID is added.
    """
    labels = {
        debtor_id: label
        for debtor_id in {**locators, **names}
        if (label := _label(names.get(debtor_id, CurrencyName()), locators.get(debtor_id))) is not None
    }
    looks = {debtor_id: _look(label) for debtor_id, label in labels.items()}
    counts = Counter(looks.values())
    return {
        debtor_id: label
        if counts[looks[debtor_id]] == 1 and not _UNNAMED.search(looks[debtor_id])
        else f"{label} {debtor_id % 2**64}"
        for debtor_id, label in labels.items()
    }


def both_ids(debtor_id: int) -> str:
    """The ID of a currency, also in its signed form where that is another one."""
    return f"{debtor_id % 2**64}" if debtor_id >= 0 else f"{debtor_id % 2**64} ({debtor_id})"


def unnamed(debtor_id: int) -> str:
    """What a currency without a label is called."""
    return f"currency {debtor_id % 2**64}"


def _label(name: CurrencyName, locator: str | None) -> str | None:
    if name.name is not None or name.abbreviation is not None:
        return name.shortened(LONGEST).in_words()
    return None if not locator else shown(locator.removeprefix("https://")[-LONGEST:])


def _look(label: str) -> str:
    """The same for labels that differ only in the size or the form of letters, or in blanks."""
    return re.sub(r"\W+", " ", unicodedata.normalize("NFKC", label).casefold()).strip()

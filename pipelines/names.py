"""What currencies call themselves, in the documents that their debtors have confirmed.

Nobody hinders two currencies from having the same name: wherever there is a name, the ID of the debtor is, too.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
import psycopg

from pipelines.solver.archived_rows import SortedFile
from pipelines.solver.market import NAMES
from pipelines.texts import isolated, plain_name, shown


@dataclass(frozen=True, slots=True)
class CurrencyName:
    """What a currency calls itself, on one line of at most 40 characters each, without what can not be seen."""

    name: str | None = None
    abbreviation: str | None = None

    @classmethod
    def of(cls, name: str | None, abbreviation: str | None) -> CurrencyName:
        """That in a file, which may be anybody's, made harmless (see plain_name)."""
        return cls(plain_name(name), plain_name(abbreviation))

    def shortened(self, longest: int) -> CurrencyName:
        """The same with at most so many characters in words; the abbreviation is the last to be cut."""
        if self.name == self.abbreviation:
            return CurrencyName(_cut(self.name, longest))
        abbreviation = _cut(self.abbreviation, longest // 3 if self.name else longest)
        room = longest if abbreviation is None else longest - len(abbreviation) - len(" ()")
        return CurrencyName(_cut(self.name, room), abbreviation)

    def in_words(self) -> str | None:
        """Such as `Regio (RGO)`; None: it has neither."""
        texts = [isolated(text) for text in (self.name, self.abbreviation) if text is not None]
        return f"{texts[0]} ({texts[1]})" if len(texts) == 2 and texts[0] != texts[1] else next(iter(texts), None)


def archived_names(
    connection: psycopg.Connection[Any], turn_id: int, started_at: datetime, debtor_ids: Collection[int]
) -> dict[int, CurrencyName]:
    """The names of those of these currencies that had one in an archived turn. Raises NotArchived."""
    rows = SortedFile(connection, turn_id, started_at, "names", "debtor_id").of(debtor_ids)
    return {row["debtor_id"]: CurrencyName.of(row["name"], row["abbreviation"]) for row in rows}


def names_in(frame: pl.DataFrame) -> dict[int, CurrencyName]:
    """The names in a frame with the columns of NAMES, by debtor ID. A frame without them has none."""
    if not set(NAMES) <= set(frame.columns):
        return {}
    return {debtor_id: CurrencyName.of(*texts) for debtor_id, *texts in frame.select(*NAMES).iter_rows() if any(texts)}


def _cut(text: str | None, longest: int) -> str | None:
    return text if text is None or len(text) <= longest else f"{text[: longest - 1].rstrip()}…"


def with_id(debtor_id: int, names: Mapping[int, CurrencyName], locators: Mapping[int, str | None] | None = None) -> str:
    """A currency in a line of text: its unsigned ID, and its name, or its locator where it has none."""
    found = names.get(debtor_id, CurrencyName()).in_words()
    locator = (locators or {}).get(debtor_id)
    also = shown(locator) if found is None and locator is not None else found
    return str(debtor_id % 2**64) if also is None else f"{debtor_id % 2**64} ({also})"

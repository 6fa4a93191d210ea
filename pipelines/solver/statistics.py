"""What the solver's statistics of a turn go by. Apart from what makes them, so that loops load only this."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MostBought:
    """Of how many turns the average of a currency's buyers is, about, and how many currencies are kept."""

    turns: int = 30
    currencies: int = 1000


USUAL = MostBought()
"""Unless settings say otherwise."""

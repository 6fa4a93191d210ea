"""Packages that not every installation has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Imports in the block need an extra of the distribution; a click.ClickException says which, if it is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"there is no package {error.name}: this command needs `pip install 'swpt-trade[{name}]'`"
        ) from None

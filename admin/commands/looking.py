"""A server looks at its database before it starts."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable

import click


def look_first(check: Callable[[], None]) -> None:
    """Refuses to start, with one line, what the check finds unusable. A stop ends the process in time meanwhile."""
    from service import ending
    from service.loop import Unusable

    # A server that does not answer must not keep us: there is nothing to finish yet.
    for number in ending.SIGNALS:
        signal.signal(number, lambda *_: sys.exit(0))
    try:
        with ending.limited():
            check()
    except Unusable as error:
        raise click.ClickException(str(error)) from None

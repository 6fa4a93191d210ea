"""What most commands share: options that override settings, and reading the settings."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from settings.config import Config, Role

logger = logging.getLogger(__name__)

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

_OVERRIDES = "swpt_trade.overrides"


def setting(*names: str, variable: str, kind: type[int] | type[float] | type[str], what: str) -> Decorator:
    """An option that stands for an environment variable. The command does not get its value: `configuration` does."""
    return click.option(
        *names,
        type=kind,
        expose_value=False,
        callback=partial(_override, variable),
        help=f"{what} [default: {variable}]",
    )


def _override(variable: str, context: click.Context, _parameter: click.Parameter, value: object) -> None:
    # An explicit 0 is a value.
    if value is not None:
        context.meta.setdefault(_OVERRIDES, {})[variable] = str(value)


quit_early: Decorator = click.option("--quit-early", is_flag=True, help="Exit after one round; for tests.")


def configuration(role: Role) -> Config:
    """The settings of the environment and of the command's options. Sets up logging.

    Raises click.ClickException, with one line for everything that is wrong.
    """
    from service.logs import set_up_logging
    from service.processes import PARENT
    from settings.config import ConfigError, load

    overrides: dict[str, str] = click.get_current_context().meta.get(_OVERRIDES, {})
    try:
        config = load(role, {**os.environ, **overrides})
    except ConfigError as error:
        raise click.ClickException(str(error)) from None
    set_up_logging(config)
    if PARENT not in os.environ:
        for line in config.warnings():
            logger.warning("%s", line)
    return config

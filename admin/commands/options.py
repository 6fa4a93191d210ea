"""What most commands share: options that override settings, and reading the settings."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Collection
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


def secret_option(*names: str, variable: str, what: str) -> Decorator:
    """An option that the environment may have in a variable, or in a file that `variable` + `_FILE` names."""
    return click.option(*names, callback=partial(_secret, variable), help=f"{what} [env var: {variable}, or its _FILE]")


def _secret(variable: str, context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    from settings.secret_files import SecretError, read_secret

    if value is not None or context.resilient_parsing:
        return value
    try:
        return read_secret(os.environ, variable) or None
    except SecretError as error:
        raise click.UsageError(str(error), context) from None


quit_early: Decorator = click.option("--quit-early", is_flag=True, help="Exit after one round; for tests.")


def configuration(role: Role, used: Collection[str] | None = None) -> Config:
    """The settings of the environment and of the command's options. Sets up logging, and tells of what is doubtful.

    `used`: all variables that the command looks at, if it is content with less than a server. Raises
    click.ClickException, with one line for everything that is wrong.
    """
    from service.logs import set_up_logging
    from service.processes import PARENT
    from settings.aliases import without_effect
    from settings.config import ConfigError, doubts, load
    from settings.secret_files import SUFFIX

    overrides: dict[str, str] = click.get_current_context().meta.get(_OVERRIDES, {})
    environ = {**os.environ, **overrides}
    for name in overrides:
        environ.pop(name + SUFFIX, None)
    try:
        config = load(role, environ, used)
    except ConfigError as error:
        raise click.ClickException(str(error)) from None
    set_up_logging(config)
    if PARENT not in os.environ and used is None:
        for line in (*config.warnings(), *doubts(role, environ)):
            logger.warning("%s", line)
        for line in without_effect(environ):
            logger.info("%s", line)
    return config

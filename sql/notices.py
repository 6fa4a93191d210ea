"""What the database wants people to know: its warnings, in the log of the process that caused them."""

from __future__ import annotations

import logging
from typing import Any

import psycopg

logger = logging.getLogger(__name__)

_LEVELS = {"WARNING": logging.WARNING, "NOTICE": logging.INFO, "INFO": logging.INFO}


def log_notices(connection: psycopg.Connection[Any]) -> None:
    """From now on messages that functions raise on this connection are logged: what, and in which numbers."""
    connection.add_notice_handler(_log_notice)


def _log_notice(diagnostic: psycopg.errors.Diagnostic) -> None:
    level = _LEVELS.get(diagnostic.severity_nonlocalized or "", logging.DEBUG)
    detail = f": {diagnostic.message_detail}" if diagnostic.message_detail else ""
    logger.log(level, "%s%s", diagnostic.message_primary, detail)

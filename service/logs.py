"""Logging of every server: one stream, the standard output, one record a line (tracebacks excepted)."""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from pipelines.texts import shown, shown_lines
from settings.config import Config

APPLICATION_LOGGERS = ("swpt_trade", "admin", "bridge", "pipelines", "reports", "sandbox", "service", "settings", "sql")
"""The loggers that APP_LOG_LEVEL applies to, next to APP_ASSOCIATED_LOGGERS. The first tells what nobody catches."""

LONGEST_MESSAGE = 8000
"""Characters of a message that are logged. A stranger must not fill our disk, nor keep a processor busy."""

# An error whose text has lines must not forge records.
_LIKE_A_RECORD = re.compile(r"^(?=[0-9]{4}-)", re.MULTILINE)

_BROKER_LIBRARY = "pika"
_HARMLESS = "Connection reset by peer"


class _Formatter(logging.Formatter):
    """Whatever is in messages and errors: passwords are hidden, control characters written out, long texts cut."""

    @staticmethod
    def message(record: logging.LogRecord) -> str:
        return shown(record.getMessage(), LONGEST_MESSAGE)

    def formatException(self, ei: Any) -> str:  # noqa: N802
        """The traceback, whose lines stay."""
        return shown_lines(super().formatException(ei))


class TextFormatter(_Formatter):
    """`2026-01-05 02:00:00+0000:INFO:bridge.inbound:message`, in UTC; one line, whatever the message is."""

    def format(self, record: logging.LogRecord) -> str:
        lines = [f"{_utc(record, '%Y-%m-%d %H:%M:%S%z')}:{record.levelname}:{record.name}:{self.message(record)}"]
        if record.exc_info:
            lines.append(_LIKE_A_RECORD.sub("  ", self.formatException(record.exc_info)))
        return "\n".join(lines)


class JsonFormatter(_Formatter):
    """One JSON object a record: asctime (UTC), levelname, name, message, and exc_info if there is an exception."""

    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "asctime": _utc(record, "%Y-%m-%dT%H:%M:%S%z"),
            "levelname": record.levelname,
            "name": record.name,
            "message": self.message(record),
        }
        if record.exc_info:
            fields["exc_info"] = self.formatException(record.exc_info)
        return json.dumps(fields)


def _utc(record: logging.LogRecord, time_format: str) -> str:
    return datetime.fromtimestamp(record.created, UTC).strftime(time_format)


class HarmlessDisconnects(logging.Filter):
    """Drops the library's complaints about idle connections that the broker closed: they are opened again on use."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.partition(".")[0] != _BROKER_LIBRARY:
            return True
        error = record.exc_info[1] if record.exc_info else None
        return not (isinstance(error, ConnectionResetError) or _HARMLESS in record.getMessage())


def set_up_logging(config: Config) -> None:
    """Makes all loggers of this process write to the standard output, by the rules of the configuration.

    Other libraries are heard from `warning` up. Exceptions that nobody catches are logged before the process ends.
    May be called again.
    """
    level = logging.getLevelNamesMapping()[config.app_log_level.upper()]
    handler = logging.StreamHandler(sys.stdout)
    # Some libraries set levels of their own.
    handler.setLevel(level)
    handler.setFormatter(JsonFormatter() if config.app_log_format == "json" else TextFormatter())
    handler.addFilter(HarmlessDisconnects())
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(max(logging.WARNING, level))
    for name in (*APPLICATION_LOGGERS, *config.app_associated_loggers):
        logging.getLogger(name).setLevel(level)
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread


def _log_uncaught(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)
        return
    logging.getLogger("swpt_trade").error("uncaught exception", exc_info=(kind, error, traceback))


def _log_uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and not issubclass(args.exc_type, SystemExit):
        _log_uncaught(args.exc_type, args.exc_value, args.exc_traceback)

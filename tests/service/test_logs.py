"""What is logged, and in which form."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pika
import psycopg
import pytest

from bridge.rabbitmq.access import connection_parameters
from service.logs import APPLICATION_LOGGERS, JsonFormatter, TextFormatter, set_up_logging
from tests.settings.environments import load_with


def _record(message: str = "message", *args: object, exc_info: Any = None) -> logging.LogRecord:
    record = logging.LogRecord("swpt_trade.actors", logging.INFO, "actors.py", 1, message, args, exc_info)
    record.created = 1767578400.75
    return record


def _error() -> Any:
    try:
        raise ValueError("no amqp://guest:s3cret@host")
    except ValueError:
        return sys.exc_info()


@pytest.fixture
def clean_logging() -> None:
    """No logger of those that `set_up_logging` touches has a level of its own."""
    for name in (*APPLICATION_LOGGERS, "pika", "httpx"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def test_text_format() -> None:
    assert TextFormatter().format(_record()) == "2026-01-05 02:00:00+0000:INFO:swpt_trade.actors:message"
    assert TextFormatter().format(_record("%s of %d", "a\nb", 3)).endswith(r":INFO:swpt_trade.actors:a\nb of 3")


def test_text_format_of_exceptions() -> None:
    lines = TextFormatter().format(_record(exc_info=_error())).splitlines()
    assert lines[:2] == [
        "2026-01-05 02:00:00+0000:INFO:swpt_trade.actors:message",
        "Traceback (most recent call last):",
    ]
    assert lines[-1] == "ValueError: no amqp://guest:***@host"


def test_json_format() -> None:
    line = JsonFormatter().format(_record('say "%s"\n', "Grüezi"))
    assert "\n" not in line
    assert json.loads(line) == {
        "asctime": "2026-01-05T02:00:00+0000",
        "levelname": "INFO",
        "name": "swpt_trade.actors",
        "message": 'say "Grüezi"\\n',
    }


def test_json_format_of_exceptions() -> None:
    line = JsonFormatter().format(_record(exc_info=_error()))
    assert "\n" not in line
    fields = json.loads(line)
    assert fields.keys() == {"asctime", "levelname", "name", "message", "exc_info"}
    assert fields["exc_info"].startswith("Traceback (most recent call last):\n")
    assert fields["exc_info"].endswith("ValueError: no amqp://guest:***@host")


def _forged(text: str) -> Any:
    try:
        try:
            raise ValueError(text)
        except ValueError as error:
            error.add_note(text)
            raise ExceptionGroup(text, [KeyError(text)]) from error
    except ExceptionGroup:
        return sys.exc_info()


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_no_text_from_outside_forges_a_record_or_speaks_to_a_terminal(formatter: logging.Formatter) -> None:
    text = "bad\n2026-01-05 02:00:00+0000:INFO:service:all is well\r\n\x1b[2J\u202e"
    line = formatter.format(_record("%s", text, exc_info=_forged(text)))
    assert not any(row.startswith("2026-01-05 02:00:00+0000:INFO:service:") for row in line.split("\n"))
    fields = json.loads(line).values() if line.startswith("{") else [line]
    assert "".join(map(str, fields)).replace("\n", "").isprintable()


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_long_texts_are_cut(formatter: logging.Formatter) -> None:
    text = "x" * 1_000_000
    assert len(formatter.format(_record("%s", text, exc_info=_forged(text)))) < 20_000


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_passwords_are_hidden(formatter: logging.Formatter) -> None:
    line = formatter.format(_record("connecting to %s", "amqp://me:s3cret@host:5672"))
    assert "connecting to amqp://me:***@host:5672" in line
    assert "s3cret" not in line


def _refused_by_postgresql() -> None:
    psycopg.connect("postgresql://me:s3cret@127.0.0.1:1/none", connect_timeout=5)


def _malformed_connection_string() -> None:
    psycopg.connect("host=127.0.0.1 password=s3cret port=none")


def _refused_by_rabbitmq() -> None:
    pika.BlockingConnection(connection_parameters("amqp://me:s3cret@127.0.0.1:1"))


def _malformed_broker_url() -> None:
    connection_parameters("amqp://me:s3cret@host:port/%2F?heartbeat=x")


def _quoting_its_input() -> None:
    raise ConnectionError("cannot use 'amqps://me:s3@cret@host' nor \"user=me password='s3cret' host=h\"")


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
@pytest.mark.parametrize(
    "fail",
    [
        _refused_by_postgresql,
        _malformed_connection_string,
        _refused_by_rabbitmq,
        _malformed_broker_url,
        _quoting_its_input,
    ],
)
def test_no_error_tells_a_password(formatter: logging.Formatter, fail: Callable[[], None]) -> None:
    with pytest.raises((psycopg.Error, pika.exceptions.AMQPError, OSError, ValueError)) as caught:
        fail()
    error = caught.value
    # Without the traceback's source lines, which quote this file.
    records = (_record("%s %r", error, error), _record(exc_info=(type(error), error, None)))
    for record in records:
        line = formatter.format(record)
        assert type(error).__name__ in line
        assert "s3" not in line


@pytest.mark.parametrize(
    ("level", "application", "other"),
    [
        ("debug", logging.DEBUG, logging.WARNING),
        ("INFO", logging.INFO, logging.WARNING),
        ("Warning", logging.WARNING, logging.WARNING),
        ("error", logging.ERROR, logging.ERROR),
        ("critical", logging.CRITICAL, logging.CRITICAL),
    ],
)
@pytest.mark.usefixtures("clean_logging")
def test_levels(level: str, application: int, other: int) -> None:
    config = load_with(APP_LOG_LEVEL=level, APP_ASSOCIATED_LOGGERS="httpx")
    set_up_logging(config)
    ours = ("admin.x", "bridge.inbound", "service.watching.figures", "pipelines.solver.solve", "sandbox")
    names = ("swpt_trade.actors", *ours, "httpx.client")
    assert {logging.getLogger(name).getEffectiveLevel() for name in names} == {application}
    assert {logging.getLogger(name).getEffectiveLevel() for name in ("pika.connection", "")} == {other}


@pytest.mark.usefixtures("clean_logging")
def test_one_stream(capsys: pytest.CaptureFixture[str]) -> None:
    config = load_with(APP_LOG_LEVEL="info", APP_LOG_FORMAT="json")
    set_up_logging(config)
    set_up_logging(config)
    logging.getLogger("bridge.inbound").info("seen")
    logging.getLogger("bridge.inbound").debug("not seen")
    logging.getLogger("pika.connection").info("not seen")
    logging.getLogger("pika.connection").error("seen too")
    out, err = capsys.readouterr()
    assert [json.loads(line)["message"] for line in out.splitlines()] == ["seen", "seen too"]
    assert err == ""


@pytest.mark.usefixtures("clean_logging")
def test_libraries_can_not_lower_the_level(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging(load_with(APP_LOG_LEVEL="error"))
    library = logging.getLogger("pika")
    library.setLevel(logging.DEBUG)
    library.warning("not seen")
    assert capsys.readouterr().out == ""


@pytest.mark.usefixtures("clean_logging")
def test_resets_of_idle_connections_are_no_news(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging(load_with())
    for name in ("pika.adapters.utils.io_services_utils", "bridge.outbound"):
        logging.getLogger(name).error("lost: %r", ConnectionResetError(104, "Connection reset by peer"))
        logging.getLogger(name).error("lost")
    lines = [line.split(":ERROR:")[1] for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "pika.adapters.utils.io_services_utils:lost",
        "bridge.outbound:lost: ConnectionResetError(104, 'Connection reset by peer')",
        "bridge.outbound:lost",
    ]


@pytest.mark.parametrize("in_thread", [False, True])
def test_uncaught_exceptions_are_logged(in_thread: bool) -> None:
    program = f"""
import threading
from service.logs import set_up_logging
from tests.settings.environments import load_with
set_up_logging(load_with(APP_LOG_FORMAT="json"))
def fail():
    raise ValueError("too bad")
if {in_thread}:
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
else:
    fail()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    (line,) = done.stdout.splitlines()
    fields = json.loads(line)
    assert (fields["levelname"], fields["name"]) == ("ERROR", "swpt_trade")
    assert fields["exc_info"].endswith("ValueError: too bad")
    assert done.stderr == ""
    assert done.returncode == (0 if in_thread else 1)

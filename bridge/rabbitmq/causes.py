"""Why a broker can not be reached, or ended a connection: told so that somebody can do something about it.

The client library hides the cause in exceptions inside of exceptions, and names neither host nor port.
"""

from __future__ import annotations

import socket
import ssl
from typing import Any

import pika
from pika import exceptions
from pika.adapters.utils import connection_workflow

_LONGEST = 300
# Codes of OpenSSL.
_UNKNOWN_AUTHORITY = (18, 19, 20, 21)
_WRONG_HOST = (62, 64)


def address(parameters: pika.ConnectionParameters | pika.URLParameters) -> str:
    """For people."""
    host = f"[{parameters.host}]" if ":" in parameters.host else parameters.host
    return f"{host}:{parameters.port}"


def explain(reason: Any, where: str) -> str:
    """What happened at the address `where`, in one line, and what may help."""
    if not isinstance(reason, BaseException):
        return f"{where}: {reason}"[:_LONGEST]
    cause = _root(reason)
    text = f"{where}: {type(cause).__name__}: {cause}".strip()[:_LONGEST]
    advice = _advice(cause)
    return f"{text} ({advice})" if advice else text


def _root(error: BaseException) -> BaseException:
    """The last cause, and of several addresses that which came furthest."""
    while True:
        inner: Any = None
        if isinstance(error, connection_workflow.AMQPConnectionWorkflowFailed) and error.exceptions:
            handshakes = [
                e for e in error.exceptions if isinstance(e, connection_workflow.AMQPConnectorAMQPHandshakeError)
            ]
            setups = [
                e for e in error.exceptions if isinstance(e, connection_workflow.AMQPConnectorTransportSetupError)
            ]
            inner = (handshakes or setups or error.exceptions)[-1]
        elif isinstance(error, connection_workflow.AMQPConnectorPhaseErrorBase):
            inner = error.exception
        elif (
            isinstance(error, exceptions.AMQPConnectionError)
            and error.args
            and isinstance(error.args[0], BaseException)
        ):
            inner = error.args[0]
        if inner is None:
            return error
        error = inner


def _advice(cause: BaseException) -> str | None:
    text = str(cause)
    if isinstance(cause, ssl.SSLError) or "SSL" in text:
        return _tls_advice(cause, text)
    if isinstance(cause, socket.gaierror):
        return "this name is not known here: look at the host in the broker's URL, and at the name servers"
    if isinstance(cause, ConnectionRefusedError):
        return "nobody listens there: is RabbitMQ running, and is this its port? It is 5672, with TLS 5671"
    if isinstance(
        cause, TimeoutError | connection_workflow.AMQPConnectorStackTimeout | exceptions.ConnectionOpenAborted
    ):
        return "no answer: look at the host in the broker's URL, at firewalls, and whether the server is alive"
    if isinstance(cause, exceptions.ConnectionClosedByBroker | exceptions.ChannelClosedByBroker):
        return _ADVICE_BY_CODE.get(cause.reply_code)
    if isinstance(cause, exceptions.ProbableAuthenticationError | exceptions.AuthenticationError):
        return _ADVICE_BY_CODE[403]
    if isinstance(cause, exceptions.ProbableAccessDeniedError):
        return _ADVICE_BY_CODE[530]
    if isinstance(cause, exceptions.IncompatibleProtocolError):
        return "that is no port for amqp://: with TLS the broker's URL begins with amqps://; 15672 is for browsers"
    if isinstance(cause, OSError):
        return "look at the host in the broker's URL, at routes and firewalls"
    return None


_ADVICE_BY_CODE = {
    403: "look at user and password in the broker's URL, and at the user's permissions, `rabbitmqctl "
    "list_permissions`; `guest` may come from the broker's own machine only",
    404: "look at PROTOCOL_BROKER_QUEUE; `swpt-trade configure` with SETUP_RABBITMQ_BINDINGS=yes makes what is missing",
    405: "somebody else has the queue for himself",
    530: "look at the virtual host in the broker's URL: it has to exist, and the user needs permissions there, "
    "`rabbitmqctl set_permissions -p VHOST USER …`",
}


def _tls_advice(cause: BaseException, text: str) -> str:
    code = getattr(cause, "verify_code", None)
    if code in _UNKNOWN_AUTHORITY:
        return "name the file with the certificate of the authority in APP_BROKER_CA_FILE"
    if code in _WRONG_HOST:
        return "the host in the broker's URL has to be the name in its certificate"
    if "CERTIFICATE_REQUIRED" in text or "HANDSHAKE_FAILURE" in text:
        return "the broker wants a certificate of us: APP_BROKER_CERT_FILE, APP_BROKER_KEY_FILE"
    if "ALERT" in text and ("UNKNOWN_CA" in text or "BAD_CERTIFICATE" in text or "CERTIFICATE_UNKNOWN" in text):
        return "the broker does not take the certificate in APP_BROKER_CERT_FILE"
    if "WRONG_VERSION_NUMBER" in text or "RECORD_LAYER" in text:
        return "that port knows no TLS: amqp:// for 5672, amqps:// for 5671"
    if "EOF" in text:
        return "the broker hung up: if it wants a certificate of us, that is for APP_BROKER_CERT_FILE"
    return "look at the broker's certificate, and at the hours on both clocks"

"""Serves the admin Web API with gunicorn."""

from __future__ import annotations

import logging
import signal
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from admin.web.app import create_app
from admin.web.services import services_of
from service.logs import set_up_logging
from settings.config import Config

logger = logging.getLogger(__name__)

ALL_ADDRESSES = "0.0.0.0"
LOOPBACK = "127.0.0.1"


def main(config: Config) -> int:
    """Serves until SIGTERM or SIGINT asks it to stop, and returns the exit status: 0 after such a stop."""
    set_up_logging(config)
    if config.webserver_processes == 0:
        # Serve nothing, but stay: whoever supervises this process would start it again.
        signals = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        logger.info("no processes are wanted: nothing is served")
        signal.sigwait(signals)
        return 0
    if config.app_webserver_no_token_check:
        logger.warning("no tokens are checked: whoever reaches port %s is a superuser", config.webserver_port)
    try:
        Server(config).run()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 0
    return 0


class QuietLogger(Logger):
    """Lets gunicorn's records go the way of all others: to the one handler of the process, with its levels."""

    def setup(self, cfg: Any) -> None:
        self.cfg = cfg
        self._access_log_enabled = cfg.accesslog is not None
        self.error_log.propagate = True
        self.error_log.setLevel(logging.NOTSET)
        self.access_log.propagate = True
        self.access_log.setLevel(logging.INFO if self._access_log_enabled else logging.CRITICAL)


class Server(BaseApplication):
    """A gunicorn server that is set up by our configuration alone."""

    def __init__(self, config: Config) -> None:
        self._config = config
        super().__init__()

    def load_config(self) -> None:
        config = self._config
        # Whoever reaches a server that checks nothing is a superuser; so nobody reaches it from outside.
        host = LOOPBACK if config.app_webserver_no_token_check else ALL_ADDRESSES
        settings = {
            "bind": f"{host}:{config.webserver_port}",
            "workers": config.webserver_processes,
            "threads": config.webserver_threads,
            "worker_class": "gthread",
            "logger_class": QuietLogger,
            "accesslog": "-" if config.logs_http_access else None,
            # Sooner than whoever supervises us loses patience.
            "graceful_timeout": 8,
            "control_socket_disable": True,
            "worker_exit": _close,
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        return create_app(self._config)


def _close(_server: Any, worker: Any) -> None:
    app = worker.app.callable
    if app is not None:
        services_of(app).close()

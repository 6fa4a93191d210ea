"""Serves the admin Web API with gunicorn."""

from __future__ import annotations

import logging
import signal
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from admin.web.app import create_app
from admin.web.token_check import DASHBOARD
from admin.web.worker import DeadlineWorker
from service import ending, writable
from service.introduction import introduce
from service.logs import set_up_logging
from settings.config import Config
from settings.hosts import host_name, is_loopback

logger = logging.getLogger(__name__)


def main(config: Config) -> int:
    """Serves until SIGTERM or SIGINT asks it to stop, and returns the exit status: 0 after such a stop."""
    set_up_logging(config)
    introduce(config, "webserver")
    if config.webserver_processes == 0:
        # Serve nothing, but stay: whoever supervises this process would start it again.
        signals = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        logger.info("no processes are wanted: nothing is served")
        signal.sigwait(signals)
        return 0
    try:
        writable.check()
    except writable.NotWritable as error:
        logger.error("%s", error)
        return 1
    if config.app_webserver_no_token_check:
        logger.warning("no tokens are checked: whoever reaches port %s is a superuser", config.webserver_port)
    elif _is_overheard(config.oauth2_introspect_url):
        logger.warning(
            "OAUTH2_INTROSPECT_URL is not https://, and not on this machine: tokens can be read and answers be forged "
            "on the way"
        )
    try:
        Server(config).run()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 0
    return 0


class QuietLogger(Logger):
    """Lets gunicorn's records go the way of all others: to the one handler of the process, with its levels."""

    def setup(self, cfg: Any) -> None:
        self.cfg = cfg
        self.error_log.propagate = True
        self.error_log.setLevel(logging.NOTSET)


class Server(BaseApplication):
    """A gunicorn server that is set up by our configuration alone."""

    def __init__(self, config: Config) -> None:
        self._config = config
        super().__init__()

    def load_config(self) -> None:
        config = self._config
        host = config.webserver_host
        settings = {
            "bind": f"[{host}]:{config.webserver_port}" if ":" in host else f"{host}:{config.webserver_port}",
            "workers": config.webserver_processes,
            "threads": config.webserver_threads,
            "worker_class": DeadlineWorker,
            "logger_class": QuietLogger,
            # Sooner than whoever supervises us loses patience.
            "graceful_timeout": 5,
            "control_socket_disable": True,
            "when_ready": lambda _server: self._when_ready(),
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def _when_ready(self) -> None:
        ending.limit_by_alarm(signal.SIGTERM, signal.SIGINT)
        host = self._config.webserver_host
        name = "localhost" if host in ("0.0.0.0", "::", "127.0.0.1", "::1") else host
        shown = f"[{name}]" if ":" in name else name
        logger.info("the dashboard is at http://%s:%s%s", shown, self._config.webserver_port, DASHBOARD)

    def load(self) -> Any:
        return create_app(self._config)


def _is_overheard(url: str) -> bool:
    return not (url.lower().startswith("https://") or is_loopback(host_name(url) or ""))

"""The commands `serve_metrics` and `health`."""

from __future__ import annotations

import json
import os
import signal
import sys
import urllib.error
import urllib.request
from pathlib import Path

import click

from admin.commands.looking import look_first


@click.command("serve_metrics")
@click.option(
    "--role",
    type=click.Choice(["worker", "solver"]),
    default="worker",
    show_default=True,
    help="Whose processes and database these are.",
)
@click.option("--without-figures", is_flag=True, help="Leave out the database's figures, which another server tells.")
def serve_metrics(role: str, without_figures: bool) -> None:
    """Serve /metrics for Prometheus, and /health, of the server whose processes share APP_METRICS_DIR.

    Listens on APP_METRICS_HOST:APP_METRICS_PORT. `worker` and `solver` start this as one of their children when
    APP_METRICS_PORT is not 0. Beside a part of a worker that has a container of its own, --without-figures needs no
    database, and no password.
    """
    from admin.commands.options import configuration
    from service import ending
    from service.databases import check_what_is_there
    from service.processes import PARENT, end_with_parent
    from service.serving.wsgi_server import WsgiServer
    from service.watching import directory
    from service.watching.figures import Figures
    from service.watching.server import HEALTH, application

    used = ("APP_METRICS_DIR", "APP_METRICS_HOST", "APP_METRICS_PORT") if without_figures else None
    config = configuration("solver" if role == "solver" else "worker", used)
    try:
        path = directory.find() or directory.prepare()
    except directory.DirectoryError as error:
        raise click.ClickException(str(error)) from None
    if not config.app_metrics_port:
        raise click.ClickException("APP_METRICS_PORT is 0: nothing to listen on")
    figures = None
    if not without_figures:
        url = config.app_metrics_postgres_url or (
            config.solver_postgres_url if role == "solver" else config.worker_postgres_url
        )
        look_first(lambda: check_what_is_there(url, "solver" if role == "solver" else "worker"))
        key = config.realm.binding_key if role == "worker" else None
        figures = Figures(role, url, key)
    try:
        app = application(path, figures)
        server = WsgiServer(config.app_metrics_host, config.app_metrics_port, app, [HEALTH])
    except OSError as error:
        where = f"{config.app_metrics_host}:{config.app_metrics_port}"
        raise click.ClickException(f"cannot listen on {where}: {error.strerror}") from None

    def stop(_signal: int, _frame: object) -> None:
        server.shutdown()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop)
    end_with_parent()
    seconds = ending.PART_SECONDS if PARENT in os.environ else ending.ALONE_SECONDS
    with ending.limited(seconds=seconds):
        server.serve_forever()


@click.command()
@click.option("--url", help="Ask this address, and be content when the answer is 200.")
@click.argument("process", required=False)
def health(url: str | None, process: str | None) -> None:
    """Say how the processes of this server are, or one of them; exit with status 1 unless all are well.

    Reads their heartbeats in APP_METRICS_DIR, and needs no network. Made for the health check of a container.
    """
    if url is not None:
        _ask(url)
        return
    from service.watching.health import judge

    name = os.environ.get("APP_METRICS_DIR", "").strip()
    if not name or not Path(name).is_dir():
        raise click.ClickException("APP_METRICS_DIR names no directory")
    verdicts = [verdict for verdict in judge(Path(name)) if process in (None, verdict.process)]
    click.echo(json.dumps([verdict.as_json() for verdict in verdicts], indent=2))
    if not verdicts or not all(verdict.is_healthy for verdict in verdicts):
        sys.exit(1)


def _ask(url: str) -> None:
    if not url.startswith(("http://", "https://")):
        raise click.ClickException("not an address of a web server")
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            click.echo(f"{response.status}")
    except (urllib.error.URLError, OSError) as error:
        raise click.ClickException(str(error)) from None

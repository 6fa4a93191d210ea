"""The command `sandbox`."""

from __future__ import annotations

import sys
from contextlib import ExitStack

import click

from sandbox.extras import extra

_USED = ("PROTOCOL_BROKER_URL", "MIN_COLLECTOR_ID", "MAX_COLLECTOR_ID")


@click.command()
@click.option(
    "--traders", default=300, show_default=True, type=click.IntRange(2, 100_000), help="Businesses and people."
)
@click.option(
    "--currencies", default=30, show_default=True, type=click.IntRange(5, 2_000), help="Currencies, the base included."
)
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same economy.")
@click.option("--name", default="localhost", show_default=True, help="How workers call this computer.")
@click.option("--listen", default="127.0.0.1", show_default=True, help="Address to serve documents at.")
@click.option("--port", default=8443, show_default=True, type=click.IntRange(1, 65535), help="Port of the documents.")
@click.option(
    "--introspect-port", type=click.IntRange(1, 65535), help="Also answer questions about tokens, at this port."
)
def sandbox(
    traders: int, currencies: int, seed: int, name: str, listen: str, port: int, introspect_port: int | None
) -> None:
    """Play the world around a real installation, over PROTOCOL_BROKER_URL, until stopped.

    An accounting authority, a creditors agent with traders who earn, spend and trade, and the HTTPS server of the
    currencies' documents. The workers' exchanges must have been declared; this waits for them. The solver needs
    BASE_DEBTOR_ID=4294967297 and BASE_DEBTOR_INFO_LOCATOR=https://NAME:PORT/4294967297, the workers
    APP_VERIFY_SSL_CERTS=false and APP_FETCH_PRIVATE_ADDRESSES=true. With --introspect-port the token
    `sandbox-superuser` may do everything in a web server whose OAUTH2_INTROSPECT_URL is that port. For development
    only: everything is kept in memory.
    """
    with extra("peer"):
        from sandbox.servers.documents import DocumentServer
        from sandbox.servers.introspection import Introspection
        from sandbox.service import NAME, POLL_SECONDS, Service, ServiceScene, run_service
    from service import ending
    from service.logs import set_up_logging
    from service.loop import Stop
    from service.watching import directory
    from service.watching.recorder import start_recording
    from settings.config import ConfigError, load

    try:
        config = load("worker", used=_USED)
        directory.prepare()
    except (ConfigError, directory.DirectoryError) as error:
        raise click.ClickException(str(error)) from None
    set_up_logging(config)
    collectors = config.min_collector_id, config.max_collector_id
    scene = ServiceScene(config.protocol_broker_url, traders, currencies, seed, *collectors)
    stop = Stop()
    stop.on_signals()
    recorder = start_recording(NAME, POLL_SECONDS)
    with ExitStack() as servers:
        documents = servers.enter_context(DocumentServer(name, listen, port))
        if introspect_port is not None:
            servers.enter_context(Introspection(listen, introspect_port))
        with ending.limited(stop.request):
            status = run_service(Service(scene, documents), stop, recorder)
    if recorder is not None:
        recorder.close()
    sys.exit(status)

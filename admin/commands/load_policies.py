"""The command `load_policies`: where the creditors agent is, and with what right it is asked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from admin.commands.options import configuration

if TYPE_CHECKING:
    import httpx

SCOPE = "access.readonly"


@click.command("load_policies")
@click.option("--url", envvar="LOAD_POLICIES_URL", show_envvar=True, required=True, help="Root of the agent's Web API.")
@click.option("--token", envvar="LOAD_POLICIES_TOKEN", show_envvar=True, help="A bearer token.")
@click.option("--token-url", envvar="LOAD_POLICIES_TOKEN_URL", show_envvar=True, help="OAuth 2.0 token server.")
@click.option("--client-id", envvar="LOAD_POLICIES_CLIENT_ID", show_envvar=True, default="creditors-superuser")
@click.option("--client-secret", envvar="LOAD_POLICIES_CLIENT_SECRET", show_envvar=True)
@click.option("--scope", envvar="LOAD_POLICIES_SCOPE", show_envvar=True, default=SCOPE, show_default=True)
@click.option(
    "--rate", default=20.0, show_default=True, type=click.FloatRange(0.01), help="Requests a second, at most."
)
@click.option(
    "--bookmark",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file that remembers how far the load is; the next run goes on there.",
)
def load_policies(
    url: str,
    token: str | None,
    token_url: str | None,
    client_id: str,
    client_secret: str | None,
    scope: str,
    rate: float,
    bookmark: Path | None,
) -> None:
    """Load trading policies from the creditors agent's Web API, for a new worker or after a loss.

    Runs with the worker's environment and loads the accounts of this shard: policies and flags. Ledgers come with
    their next change. Workers may run meanwhile. Repeating it changes nothing; newer notifications win.
    """
    import psycopg

    from admin.policies.creditors_api import ApiError, CreditorsApi, Pace
    from admin.policies.loading import Bookmark, load
    from service.databases import open_worker
    from service.loop import Unusable

    auth = _auth(token, token_url, client_id, client_secret, scope)
    config = configuration("worker")
    owner = {"url": url, "binding_key": config.realm.binding_key}
    try:
        with (
            open_worker(config, "load_policies") as worker,
            CreditorsApi(url, auth, Pace(rate)) as api,
        ):
            counts = load(api, worker, config.realm, Bookmark(bookmark, owner), click.echo)
    except Unusable as error:
        raise click.ClickException(str(error)) from None
    except (ApiError, psycopg.Error) as error:
        again = "; run the same command again to go on" if bookmark is not None and bookmark.exists() else ""
        raise click.ClickException(f"{error}{again}") from None
    click.echo(f"done: {counts}")
    if counts.refused:
        raise click.ClickException(f"{counts.refused} were refused, see above")


def _auth(
    token: str | None, token_url: str | None, client_id: str, client_secret: str | None, scope: str
) -> httpx.Auth:
    from admin.policies.creditors_api import BearerToken, ClientCredentials

    if token and not token_url:
        return BearerToken(token)
    if token_url and client_secret and not token:
        return ClientCredentials(token_url, client_id, client_secret, scope)
    raise click.UsageError("either --token, or --token-url with --client-secret is needed")

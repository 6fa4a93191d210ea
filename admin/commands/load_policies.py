"""The command `load_policies`: where the creditors agent is, and with what right it is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from admin.commands.options import configuration, secret_option

if TYPE_CHECKING:
    import httpx

SCOPE = "access.readonly"

_TOLD = 20
"""Accounts that are named on the terminal."""


@click.command("load_policies")
@secret_option("--url", variable="LOAD_POLICIES_URL", what="The agent's Web API, such as https://host/creditors/.")
@secret_option("--token", variable="LOAD_POLICIES_TOKEN", what="A bearer token.")
@secret_option("--token-url", variable="LOAD_POLICIES_TOKEN_URL", what="OAuth 2.0 token server.")
@click.option("--client-id", envvar="LOAD_POLICIES_CLIENT_ID", show_envvar=True, default="creditors-superuser")
@secret_option("--client-secret", variable="LOAD_POLICIES_CLIENT_SECRET", what="The secret of the client.")
@click.option("--scope", envvar="LOAD_POLICIES_SCOPE", show_envvar=True, default=SCOPE, show_default=True)
@click.option(
    "--rate", default=20.0, show_default=True, type=click.FloatRange(0.01), help="Requests a second, at most."
)
@click.option(
    "--bookmark",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file that remembers how far the load is; the next run goes on there.",
)
@click.option(
    "--list-waiting",
    "waiting_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file for the accounts that wait for their first transfer: creditor and debtor ID, one account a line.",
)
def load_policies(
    url: str | None,
    token: str | None,
    token_url: str | None,
    client_id: str,
    client_secret: str | None,
    scope: str,
    rate: float,
    bookmark: Path | None,
    waiting_path: Path | None,
) -> None:
    """Load trading policies from the creditors agent's Web API, for a new worker or after a loss.

    Runs with the worker's environment and loads the accounts of this shard: policies and flags, and ledgers of accounts
    that have had a transfer. The others trade after their first one. Workers may run meanwhile. Repeating it changes
    nothing; newer notifications win.
    """
    import psycopg

    from admin.policies.creditors_api import ApiError, CreditorsApi, Pace
    from admin.policies.loading import Bookmark, load
    from service.databases import open_worker
    from service.loop import Unusable

    if url is None:
        raise click.UsageError("--url, or LOAD_POLICIES_URL, is needed")
    auth = _auth(token, token_url, client_id.strip(), client_secret, scope.strip())
    config = configuration("worker")
    owner = {"url": url, "binding_key": config.realm.binding_key}
    try:
        with (
            open_worker(config, "load_policies") as worker,
            CreditorsApi(url, auth, Pace(rate)) as api,
            _waiting_list(waiting_path) as tell_waiting,
        ):
            counts = load(api, worker, config.realm, Bookmark(bookmark, owner), click.echo, tell_waiting)
    except Unusable as error:
        raise click.ClickException(str(error)) from None
    except (ApiError, psycopg.Error) as error:
        again = "; run the same command again to go on" if bookmark is not None and bookmark.exists() else ""
        raise click.ClickException(f"{error}{again}") from None
    click.echo(f"done: {counts}")
    if counts.refused:
        raise click.ClickException(f"{counts.refused} were refused, see above")


@contextmanager
def _waiting_list(path: Path | None) -> Iterator[Callable[[int, int], None]]:
    """Tells the first accounts on the terminal, and appends all of them to a file, if there is one."""
    told = 0
    with nullcontext() if path is None else path.open("a", encoding="utf-8") as file:

        def tell(creditor_id: int, debtor_id: int) -> None:
            nonlocal told
            told += 1
            if file is not None:
                file.write(f"{creditor_id % 2**64} {debtor_id % 2**64}\n")
            elif told <= _TOLD:
                click.echo(
                    f"waits for its first transfer: creditor {creditor_id % 2**64}, currency {debtor_id % 2**64}"
                )

        yield tell
    if path is None and told > _TOLD:
        click.echo(f"… and {told - _TOLD:,} others: --list-waiting FILE writes all of them")


def _auth(
    token: str | None, token_url: str | None, client_id: str, client_secret: str | None, scope: str
) -> httpx.Auth:
    from admin.policies.creditors_api import BearerToken, ClientCredentials

    if token and not token_url:
        return BearerToken(token)
    if token_url and client_secret and not token:
        return ClientCredentials(token_url, client_id, client_secret, scope)
    raise click.UsageError("either --token, or --token-url with --client-secret is needed")

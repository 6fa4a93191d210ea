"""What an account's ledger is, as far as the creditors agent's Web API tells it.

An UpdatedLedger has two fields that no document has: the `creation_date` that the accounting authority gave the account
(`createdAt` is the moment when the customer added it), and `last_transfer_number` (ledger entries have numbers of their
own). But agents name a transfer by these two, `…/transfers/<days since 1970>-<number>`, and the newest entry that a
transfer made refers to it. Entries that are corrections refer to nothing, so what is found may be older than what the
agent knows; that is safe: an account that waits for a transfer waits on. Nothing is found while there was no transfer.
"""

from __future__ import annotations

import base64
import binascii
import re
from datetime import date, timedelta
from typing import Any

from admin.policies.creditors_api import ApiError, CreditorsApi, Document, items_of, part, text

_TRANSFER = re.compile(r".*/transfers/([0-9]{1,6})-([0-9]{1,19})/?")
_ACCOUNT = re.compile(r"swpt:[0-9]{1,20}/(!?)([A-Za-z0-9_=-]{1,200})")
_EPOCH = date(1970, 1, 1)
_LATEST_DAY = 2_932_896
"""31 December 9999."""


def ledger_notification(api: CreditorsApi, account: Document, url: str) -> dict[str, Any] | None:
    """An UpdatedLedger without its keys; None while there was no transfer, or the API does not say which was the last.

    Asks for the newest entries, if there are any. Raises ApiError.
    """
    ledger = account.get("ledger")
    identity = account.get("info", {}).get("identity") if isinstance(account.get("info"), dict) else None
    if not isinstance(ledger, dict) or not isinstance(identity, dict) or "entries" not in ledger:
        return None
    if ledger.get("nextEntryId") == 1:
        return None
    account_id = _account_id(identity)
    transfer = _last_transfer(api, text(part(ledger, "entries"), "first"), url)
    if account_id is None or transfer is None:
        return None
    creation_date, number = transfer
    return {
        "type": "UpdatedLedger",
        "update_id": ledger.get("latestUpdateId"),
        "account_id": account_id,
        "creation_date": creation_date.isoformat(),
        "principal": ledger.get("principal"),
        "last_transfer_number": number,
        "ts": ledger.get("latestUpdateAt"),
    }


def _last_transfer(api: CreditorsApi, entries: str, url: str) -> tuple[date, int] | None:
    """Creation date of the account, and number, of the newest transfer on the newest page of entries."""
    page_url = api.resolve(entries, url)
    for entry in items_of(api.get(page_url), page_url):
        if "transfer" in entry:
            match = _TRANSFER.fullmatch(api.resolve(text(part(entry, "transfer"), "uri"), page_url))
            if match is None or int(match[1]) > _LATEST_DAY or int(match[2]) >= 2**63:
                return None
            return _EPOCH + timedelta(days=int(match[1])), int(match[2])
    return None


def _account_id(identity: Document) -> str | None:
    """The authority's ID in an account's URI, `swpt:<debtor>/<ID>` or `swpt:<debtor>/!<ID in base64url>`."""
    match = _ACCOUNT.fullmatch(text(identity, "uri"))
    if match is None:
        return None
    if not match[1]:
        return match[2]
    try:
        return base64.b64decode(match[2], altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        raise ApiError(f"{identity['uri']} is no account's URI") from None

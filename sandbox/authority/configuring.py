"""ConfigureAccount: how accounts come into existence and change, and how a currency's settings reach them."""

from __future__ import annotations

import math
from datetime import datetime

from sandbox.authority.books import Books
from sandbox.authority.interest import as_float32
from sandbox.authority.root_config import RootConfig, parse_root_config
from sandbox.authority.state import T0, Account
from sandbox.protocol import smp
from sandbox.protocol.identity import ROOT_CREDITOR_ID, is_later_seqnum

INVALID_CONFIGURATION = "INVALID_CONFIGURATION"


def configure_account(books: Books, request: smp.ConfigureAccount, now: datetime) -> None:
    """Applies a ConfigureAccount, ignores it when a later one was applied, or answers RejectedConfig."""
    account = books.accounts.get((request.debtor_id, request.creditor_id))
    if account is None:
        if now - request.ts > books.settings.max_config_delay:
            return
    elif not _is_later_config(request, account):
        return

    config = _parse(request)
    code = books.faults.reject_config(request) or (None if config else INVALID_CONFIGURATION)
    if code is not None or config is None:
        _reject(books, request, code or INVALID_CONFIGURATION, now)
        return

    is_new = account is None or account.deleted
    if account is None:
        account = books.create(request.debtor_id, request.creditor_id, now)
    account.deleted = False
    books.change(account, now)
    account.last_config_ts = request.ts
    account.last_config_seqnum = request.seqnum
    account.config_flags = request.config_flags
    account.config_data = request.config_data
    account.negligible_amount = as_float32(request.negligible_amount)
    if account.is_root:
        books.currency(account.debtor_id).config = config
    books.tell_update(account)
    if is_new and not account.is_root:
        change_interest_rate(books, account, now)
        change_debtor_info(books, account, now)


def change_interest_rate(books: Books, account: Account, now: datetime) -> None:
    """Gives the account the currency's interest rate, unless the last change is too recent."""
    target = books.currency(account.debtor_id).config.rate
    if account.is_root or target == account.interest_rate:
        return
    last = account.last_interest_rate_change_ts
    if last != T0 and now - last < books.settings.rate_change_spacing and not books.faults.breaks_rate_spacing(account):
        return
    books.change(account, now)
    account.previous_interest_rate = account.interest_rate
    account.interest_rate = target
    account.last_interest_rate_change_ts = account.last_change_ts
    books.tell_update(account)


def change_debtor_info(books: Books, account: Account, now: datetime) -> None:
    """Gives the account the address of the currency's CoinInfo document."""
    info = books.currency(account.debtor_id).config.info
    if account.is_root or info is None:
        return
    wanted = (info.iri, info.content_type, info.sha256)
    if wanted == (account.debtor_info_iri, account.debtor_info_content_type, account.debtor_info_sha256):
        return
    books.change(account, now)
    account.debtor_info_iri, account.debtor_info_content_type, account.debtor_info_sha256 = wanted
    books.tell_update(account)


def _is_later_config(request: smp.ConfigureAccount, account: Account) -> bool:
    if request.ts != account.last_config_ts:
        return request.ts > account.last_config_ts
    return is_later_seqnum(request.seqnum, account.last_config_seqnum)


def _parse(request: smp.ConfigureAccount) -> RootConfig | None:
    if not math.isfinite(request.negligible_amount) or request.negligible_amount < 0:
        return None
    if request.creditor_id != ROOT_CREDITOR_ID:
        return None if request.config_data else RootConfig()
    try:
        return parse_root_config(request.config_data)
    except ValueError:
        return None


def _reject(books: Books, request: smp.ConfigureAccount, code: str, now: datetime) -> None:
    books.outbox.append(
        smp.RejectedConfig(
            debtor_id=request.debtor_id,
            creditor_id=request.creditor_id,
            config_ts=request.ts,
            config_seqnum=request.seqnum,
            config_flags=request.config_flags,
            config_data=request.config_data,
            negligible_amount=request.negligible_amount,
            rejection_code=code,
            ts=now,
        )
    )

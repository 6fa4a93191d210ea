"""Brings an economy to life: documents, root accounts, customers' accounts, policies, money."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sandbox.authority import Authority, DebtorInfo, RootConfig
from sandbox.creditors.agent import CreditorsAgent
from sandbox.economy.economy import Currency, Economy
from sandbox.protocol.coin_info import COIN_INFO_TYPE, CoinInfo, PegInfo
from sandbox.servers.documents import DocumentServer

MAX_NAME_LENGTH = 40


def publish_documents(economy: Economy, documents: DocumentServer) -> dict[int, str]:
    """Puts every currency's CoinInfo document on the server. Returns the addresses of the revisions, per debtor."""
    return {
        currency.debtor_id: documents.put(coin_info(economy, currency, documents)) for currency in economy.currencies
    }


def coin_info(economy: Economy, currency: Currency, documents: DocumentServer) -> CoinInfo:
    """What the currency says about itself."""
    peg = None
    if currency.peg_debtor_id is not None and currency.peg_rate is not None:
        other = economy.currency_by_id[currency.peg_debtor_id]
        peg = PegInfo(
            debtor_id=other.debtor_id,
            exchange_rate=currency.peg_rate,
            locator=documents.locator(other.debtor_id),
            amount_divisor=float(other.amount_divisor),
            decimal_places=other.decimal_places,
            unit=other.unit,
        )
    return CoinInfo(
        debtor_id=currency.debtor_id,
        debtor_name=currency.name[:MAX_NAME_LENGTH],
        unit=currency.unit,
        summary=f"{currency.name}: a {currency.kind} currency of {currency.place}",
        amount_divisor=float(currency.amount_divisor),
        decimal_places=currency.decimal_places,
        peg=peg,
    )


def configure_currencies(
    economy: Economy, authority: Authority, iris: Mapping[int, str], rates: Mapping[int, float] | None = None
) -> None:
    """Configures the root accounts: unlimited issuing, the documents' addresses, interest `rates` (percent a year)."""
    for currency in economy.currencies:
        info = DebtorInfo(iri=iris[currency.debtor_id], content_type=COIN_INFO_TYPE)
        rate = (rates or {}).get(currency.debtor_id, 0.0)
        authority.configure_currency(currency.debtor_id, RootConfig(rate=rate, info=info))


def open_accounts(economy: Economy, agent: CreditorsAgent) -> None:
    """Lets every trader open his accounts; they exist once the authority got the agent's messages."""
    for account in economy.accounts:
        agent.open_account(account.creditor_id, account.debtor_id)


def set_policies(economy: Economy, agent: CreditorsAgent) -> None:
    """Sets every account's trading policy. The accounts must have been opened."""
    for account in economy.accounts:
        agent.set_policy(account.creditor_id, account.debtor_id, account.policy)


def issue_money(economy: Economy, authority: Authority) -> None:
    """Fills the wallets. Raises `PaymentError` when an account does not exist yet."""
    for account in economy.accounts:
        if account.principal > 0:
            authority.issue(account.debtor_id, account.creditor_id, account.principal)


def set_up(
    economy: Economy,
    authority: Authority,
    agent: CreditorsAgent,
    documents: DocumentServer,
    exchange_messages: Callable[[], None],
) -> None:
    """All of it, in order. `exchange_messages` must let the peers talk until they have nothing more to say.

    The ledgers show the money when `credit_delay` and the agent's `ledger_period` have passed after that.
    """
    configure_currencies(economy, authority, publish_documents(economy, documents))
    open_accounts(economy, agent)
    exchange_messages()
    issue_money(economy, authority)
    set_policies(economy, agent)
    exchange_messages()

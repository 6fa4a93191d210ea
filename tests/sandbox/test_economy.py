"""Invented economies: well-formed, repeatable, and full of possible trades."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from bridge.loopback import LoopbackBroker
from bridge.wire.topology import worker_topology
from sandbox.authority import Authority, AuthoritySettings
from sandbox.authority.gateway import AuthorityPeer
from sandbox.creditors.agent import AgentSettings, CreditorsAgent, CreditorsPeer
from sandbox.economy.economy import Economy, TraderAccount
from sandbox.economy.generator import make_economy
from sandbox.economy.setup import publish_documents, set_up
from sandbox.protocol.identity import DEFAULT_MAX_COLLECTOR_ID, DEFAULT_MIN_COLLECTOR_ID, same_agent
from sandbox.protocol.topology import AUTHORITY_QUEUE, CREDITORS_QUEUE, sandbox_topology
from sandbox.servers.documents import DocumentServer
from tests.sandbox.conftest import FakeClock

SIZES = [(1, 300, 30), (2, 300, 30), (3, 40, 5), (4, 200, 120)]


@pytest.fixture(scope="module", params=SIZES, ids=str)
def economy(request: pytest.FixtureRequest) -> Economy:
    seed, traders, currencies = request.param
    return make_economy(seed, traders, currencies)


def wallets(economy: Economy) -> dict[int, dict[int, TraderAccount]]:
    result: dict[int, dict[int, TraderAccount]] = defaultdict(dict)
    for account in economy.accounts:
        result[account.creditor_id][account.debtor_id] = account
    return result


def bid_price(wallet: dict[int, TraderAccount], debtor_id: int, base: int) -> float | None:
    """The price that follows from the trader's own pegs."""
    rates: list[float] = []
    while debtor_id != base:
        account = wallet.get(debtor_id)
        if account is None or account.peg_debtor_id is None or account.peg_rate is None or len(rates) > 50:
            return None
        rates.append(account.peg_rate)
        debtor_id = account.peg_debtor_id
    price = 1.0
    for rate in reversed(rates):
        price *= rate
    return price


def candidates(economy: Economy) -> dict[int, list[TraderAccount]]:
    """Per trader, the accounts whose wishes the service would consider (at least 1000 tokens, declared price)."""
    result = {}
    for creditor_id, wallet in wallets(economy).items():
        offers = []
        for account in wallet.values():
            price = bid_price(wallet, account.debtor_id, economy.base_debtor_id)
            declared = economy.currency_by_id[account.debtor_id].price
            if price is not None and abs(1 - price / declared) < 1e-5 and abs(account.wanted) >= 1000:
                offers.append(account)
        signs = {offer.wanted > 0 for offer in offers}
        result[creditor_id] = offers if len(signs) == 2 else []
    return result


def test_the_same_seed_makes_the_same_economy() -> None:
    assert make_economy(7, 30, 12) == make_economy(7, 30, 12)
    assert make_economy(7, 30, 12) != make_economy(8, 30, 12)


def test_the_default_is_big_enough_for_a_demo() -> None:
    economy = make_economy()
    assert (len(economy.traders), len(economy.currencies)) == (300, 30)
    assert len(economy.accounts) >= 2000


def test_an_economy_needs_some_currencies() -> None:
    with pytest.raises(ValueError, match="at least 5"):
        make_economy(1, 10, 4)


def test_currencies_form_one_tree_with_known_rates(economy: Economy) -> None:
    assert len({currency.debtor_id for currency in economy.currencies}) == len(economy.currencies)
    assert len({currency.name for currency in economy.currencies}) == len(economy.currencies)
    assert max(currency.depth for currency in economy.currencies) >= 4
    for currency in economy.currencies:
        assert -(2**63) <= currency.debtor_id < 2**63
        assert currency.debtor_id != 0
        if currency.debtor_id == economy.base_debtor_id:
            assert (currency.depth, currency.price, currency.peg_debtor_id) == (0, 1.0, None)
            continue
        assert currency.peg_debtor_id is not None
        assert currency.peg_rate is not None
        peg = economy.currency_by_id[currency.peg_debtor_id]
        assert currency.depth == peg.depth + 1
        assert currency.price == peg.price * currency.peg_rate > 0


def test_national_rates_are_real() -> None:
    prices = {currency.unit: currency.price for currency in make_economy().currencies}
    assert prices["BGN"] == pytest.approx(1 / 1.9558, rel=1e-5)
    # The forint has no cents: one token is a whole one, worth a quarter of a euro cent.
    assert 0.2 < prices["HUF"] < 0.3


def test_traders_are_customers_of_the_agent(economy: Economy) -> None:
    assert len({trader.creditor_id for trader in economy.traders}) == len(economy.traders)
    assert len({trader.name for trader in economy.traders}) == len(economy.traders)
    for trader in economy.traders:
        assert same_agent(trader.creditor_id, DEFAULT_MIN_COLLECTOR_ID)
        assert not DEFAULT_MIN_COLLECTOR_ID <= trader.creditor_id <= DEFAULT_MAX_COLLECTOR_ID


def test_wallets_are_well_formed(economy: Economy) -> None:
    keys = Counter((account.creditor_id, account.debtor_id) for account in economy.accounts)
    assert max(keys.values()) == 1
    for creditor_id, wallet in wallets(economy).items():
        assert economy.base_debtor_id in wallet
        for account in wallet.values():
            assert account.principal >= 0
            assert account.min_principal <= account.max_principal < 2**63
            assert account.peg_debtor_id is None or account.peg_debtor_id in wallet
            assert account.policy.peg_exchange_rate == account.peg_rate
        wrong = [
            account
            for account in wallet.values()
            if (price := bid_price(wallet, account.debtor_id, economy.base_debtor_id)) is None
            or abs(1 - price / economy.currency_by_id[account.debtor_id].price) >= 1e-5
        ]
        assert bool(wrong) == (economy.trader_by_id[creditor_id].kind == "wrong_rate")


def test_regular_traders_can_trade_and_the_others_cannot(economy: Economy) -> None:
    offers = candidates(economy)
    kinds: dict[str, list[bool]] = defaultdict(list)
    for trader in economy.traders:
        kinds[trader.kind].append(bool(offers[trader.creditor_id]))
    assert sum(kinds["regular"]) > 0.95 * len(kinds["regular"])
    assert len(kinds["regular"]) > 0.7 * len(economy.traders)
    assert not any(kinds["one_sided"])
    assert not any(kinds["wrong_rate"])


def test_nearly_every_currency_is_both_sold_and_bought() -> None:
    economy = make_economy()
    sold: Counter[int] = Counter()
    bought: Counter[int] = Counter()
    for trader_offers in candidates(economy).values():
        for offer in trader_offers:
            (bought if offer.wanted > 0 else sold)[offer.debtor_id] += 1
    one_sided = [
        currency for currency in economy.currencies if not (sold[currency.debtor_id] and bought[currency.debtor_id])
    ]
    # Only the company money that nobody wants.
    assert [currency.kind for currency in one_sided] == ["company"]
    unlucky = {trader.creditor_id for trader in economy.traders if trader.kind == "without_counterpart"}
    sellers = {a.creditor_id for a in economy.accounts if a.debtor_id == one_sided[0].debtor_id and a.wanted < 0}
    assert sellers == unlucky != set()


def test_amounts_have_a_heavy_tail() -> None:
    economy = make_economy()
    values = sorted(abs(a.wanted) * economy.currency_by_id[a.debtor_id].price for a in economy.accounts if a.wanted)
    median = values[len(values) // 2]
    assert values[-1] > 50 * median
    assert sum(values[-len(values) // 10 :]) > 0.4 * sum(values)


def test_an_economy_is_written_to_parquet_files(tmp_path: Path) -> None:
    economy = make_economy(3, 20, 10)
    paths = economy.to_parquet(tmp_path / "economy")
    frames = {path.stem: pl.read_parquet(path) for path in paths}
    assert {name: frame.height for name, frame in frames.items()} == {
        "currencies": 10,
        "traders": 20,
        "accounts": len(economy.accounts),
    }
    assert frames["accounts"]["principal"].to_list() == [account.principal for account in economy.accounts]
    assert frames["accounts"].schema["principal"] == pl.Int64


def test_an_economy_comes_to_life(clock: FakeClock) -> None:
    economy = make_economy(5, 20, 12)
    broker = LoopbackBroker()
    broker.declare(worker_topology("swpt_trade", "#"))
    broker.declare(sandbox_topology())
    authority = Authority(AuthoritySettings(account_ids="opaque"), clock)
    agent = CreditorsAgent(AgentSettings(ledger_period=timedelta()), clock)
    peers = [
        AuthorityPeer(broker.source(AUTHORITY_QUEUE), broker.target(), authority),
        CreditorsPeer(broker.source(CREDITORS_QUEUE), broker.target(), agent),
    ]

    def exchange_messages() -> None:
        while sum(peer.run_once() for peer in peers):
            pass

    with DocumentServer() as documents:
        set_up(economy, authority, agent, documents, exchange_messages)
        clock.advance(seconds=1)
        exchange_messages()
        iris = {account.debtor_info_iri for account in authority.books.accounts.values() if account.creditor_id}
        assert all(
            documents.answer(iri.removeprefix(f"https://localhost:{documents.port}"))[0].status == 200 for iri in iris
        )
    assert broker.depth("swpt_trade") >= 3 * len(economy.accounts) - 2 * len(economy.traders)
    for account in economy.accounts:
        ledger = agent.accounts[account.creditor_id, account.debtor_id].ledger
        assert ledger.principal == account.principal
        assert ledger.account_id != ""
    issued = Counter[int]()
    for account in economy.accounts:
        issued[account.debtor_id] += account.principal
    for debtor_id, totals in authority.audit().items():
        assert (totals.circulating, totals.in_flight) == (issued[debtor_id], 0)


def test_documents_declare_the_same_pegs() -> None:
    economy = make_economy(5, 1, 12)
    with DocumentServer() as documents:
        iris = publish_documents(economy, documents)
        for currency in economy.currencies:
            _, body = documents.answer(iris[currency.debtor_id].removeprefix(f"https://localhost:{documents.port}"))
            text = body.decode()
            if currency.peg_rate is not None and currency.peg_debtor_id is not None:
                assert f'"exchangeRate":{currency.peg_rate}' in text
                assert f'"{documents.locator(currency.peg_debtor_id)}"' in text

"""CoinInfo documents and the server that serves them."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator

import httpx
import pytest

from sandbox.protocol.coin_info import COIN_INFO_TYPE, CoinInfo, PegInfo, debtor_uri, render_coin_info
from sandbox.servers.documents import DocumentServer, Trouble

COIN = CoinInfo(debtor_id=-123, debtor_name="Test Coin", unit="TST")


@pytest.fixture(scope="module")
def server() -> Iterator[DocumentServer]:
    with DocumentServer() as server:
        yield server


@pytest.fixture(scope="module")
def client(server: DocumentServer) -> Iterator[httpx.Client]:
    with httpx.Client(verify=server.client_context(), trust_env=False, timeout=10) as client:
        yield client


def test_documents_are_written_as_the_format_wants() -> None:
    peg = PegInfo(666, 0.5, "https://currencies.swaptacular.org/USD", 100.0, 2, "USD")
    info = CoinInfo(
        debtor_id=-123,
        debtor_name="Test Coin",
        unit="TST",
        revision=3,
        summary="Test coin",
        will_not_change_until="2026-06-30T00:00:00Z",
        peg=peg,
    )
    expected = (
        '{"type":"CoinInfo","revision":3,"willNotChangeUntil":"2026-06-30T00:00:00Z",'
        '"latestDebtorInfo":{"uri":"https://example.com/монета"},"summary":"Test coin",'
        '"debtorIdentity":{"type":"DebtorIdentity","uri":"swpt:18446744073709551493"},"debtorName":"Test Coin",'
        '"amountDivisor":100.0,"decimalPlaces":2,"unit":"TST","peg":{"type":"Peg","exchangeRate":0.5,'
        '"display":{"type":"PegDisplay","amountDivisor":100.0,"decimalPlaces":2,"unit":"USD"},'
        '"debtorIdentity":{"type":"DebtorIdentity","uri":"swpt:666"},'
        '"latestDebtorInfo":{"uri":"https://currencies.swaptacular.org/USD"}}}'
    )
    assert json.loads(render_coin_info(info, "https://example.com/монета")) == json.loads(expected)


@pytest.mark.parametrize(
    ("debtor_id", "uri"), [(0, "swpt:0"), (-123, "swpt:18446744073709551493"), (2**63 - 1, "swpt:9223372036854775807")]
)
def test_debtor_uris_are_unsigned(debtor_id: int, uri: str) -> None:
    assert debtor_uri(debtor_id) == uri


def test_locators_serve_the_latest_revision(server: DocumentServer, client: httpx.Client) -> None:
    first = server.put(COIN)
    second = server.put(COIN)
    before = server.fetches(COIN.debtor_id)
    assert [client.get(url).json()["revision"] for url in (first, second, server.locator(-123))] == [1, 2, 2]
    answer = client.get(server.locator(-123))
    assert answer.headers["content-type"] == COIN_INFO_TYPE
    assert answer.json()["latestDebtorInfo"] == {"uri": server.locator(-123)}
    assert server.locator(-123).endswith("/18446744073709551493")
    assert server.fetches(COIN.debtor_id) == before + 4


@pytest.mark.parametrize("path", ["/1", "/18446744073709551493/public?rev=99", "/18446744073709551493/private", "/"])
def test_unknown_documents_are_not_found(server: DocumentServer, client: httpx.Client, path: str) -> None:
    server.put(COIN)
    assert client.get(f"https://localhost:{server.port}{path}").status_code == 404


def test_trouble_lasts_as_long_as_told(server: DocumentServer, client: httpx.Client) -> None:
    url = server.put(COIN)
    server.misbehave(-123, Trouble(status=503, times=2))
    assert [client.get(url).status_code for _ in range(3)] == [503, 503, 200]
    server.misbehave(-123, Trouble(content_type="text/html"))
    assert client.get(url).headers["content-type"] == "text/html"
    server.misbehave(-123, Trouble(redirect_to="http://localhost/elsewhere"))
    answer = client.get(url)
    assert (answer.status_code, answer.headers["location"]) == (302, "http://localhost/elsewhere")
    server.misbehave(-123, Trouble(body=b"{"))
    assert client.get(url).content == b"{"
    server.misbehave(-123, Trouble(status=404))
    assert client.get(url).status_code == 404
    server.misbehave(-123, None)
    assert client.get(url).status_code == 200


def test_a_slow_answer_holds_up_nobody_else(server: DocumentServer, client: httpx.Client) -> None:
    slow, quick = server.put(COIN), server.put(CoinInfo(debtor_id=7, debtor_name="Seven", unit="S"))
    server.misbehave(-123, Trouble(delay=3600.0, times=1))
    with pytest.raises(httpx.ReadTimeout):
        client.get(slow, timeout=0.2)
    assert client.get(quick).status_code == 200


def test_strangers_do_not_trust_the_server(server: DocumentServer) -> None:
    with (
        httpx.Client(verify=ssl.create_default_context(), trust_env=False) as stranger,
        pytest.raises(httpx.ConnectError),
    ):
        stranger.get(server.locator(-123))

"""Policies and flags are loaded over HTTP from a creditors agent's Web API into the inbox, and applied from there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from click.testing import CliRunner, Result

from admin.cli import main
from admin.policies.creditors_api import TRIES, ApiError, BearerToken, ClientCredentials, CreditorsApi, Pace
from bridge.drain import Drain
from bridge.wire.sharding import Realm
from sandbox.creditors.agent import AgentSettings, CreditorsAgent, Policy
from sandbox.creditors.server import CLIENT_ID, CLIENT_SECRET, CreditorsServer
from service import binding
from tests.conftest import Connection
from tests.covering import covers
from tests.settings.environments import ENVIRONMENTS

NOW = datetime(2026, 3, 1, 2, tzinfo=UTC)
MIN64, MAX64 = -(2**63), 2**63 - 1
CREDITORS = (-5, 2**32 + 1, 2**32 + 2, 2**32 + 3, 2**32 + 4, 2**40)
USD, EUR = 666, -(2**63)
PEGGED = Policy("conservative", 1000, 2**53 + 1, EUR, 1.25)

Load = Callable[..., Result]


@pytest.fixture
def agent() -> CreditorsAgent:
    """Customers with two accounts each: one with a peg and scheduled for deletion, one without a policy."""
    agent = CreditorsAgent(AgentSettings(), lambda: NOW, first_update_id=2**40)
    for creditor_id in CREDITORS:
        for debtor_id in (USD, EUR):
            agent.open_account(creditor_id, debtor_id)
        agent.set_policy(creditor_id, USD, PEGGED)
        agent.set_flags(creditor_id, USD, 1)
    return agent


@pytest.fixture
def server(agent: CreditorsAgent) -> Iterator[CreditorsServer]:
    with CreditorsServer(agent) as server:
        yield server


@pytest.fixture
def load(worker_db: Connection, server: CreditorsServer, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Runs `swpt-trade load_policies …` for the whole key space, with a token and without pauses."""
    monkeypatch.setattr("admin.policies.creditors_api.Pace", lambda rate: Pace(rate, sleep=lambda seconds: None))
    info = worker_db.info
    binding.bind(worker_db, uuid4(), "#")
    environment = {
        **ENVIRONMENTS["worker"],
        "WORKER_POSTGRES_URL": f"postgresql://{info.user}@{info.host}:{info.port}/{info.dbname}",
        "LOAD_POLICIES_URL": server.url,
        "LOAD_POLICIES_TOKEN": server.give_token(),
    }

    def run(*options: object, **variables: str) -> Result:
        key = variables.get("PROTOCOL_BROKER_QUEUE_ROUTING_KEY", "#")
        worker_db.execute("update worker.identity set binding_key = %s", (key,))
        arguments = ["load_policies", "--rate", "10000", *map(str, options)]
        return CliRunner().invoke(main, arguments, env={**environment, **variables})

    return run


def policies(db: Connection, columns: str) -> list[tuple[Any, ...]]:
    """Applies the inbox, then shows the policies."""
    drain = Drain(db, 8)
    while drain.run_once():
        pass
    query = f"select {columns} from worker.trading_policy order by creditor_id, debtor_id desc"
    return db.execute(query.encode()).fetchall()


def output(result: Result) -> str:
    """What it said, apart from the accounts that wait."""
    assert result.exit_code == 0, result.output
    return "".join(line for line in result.output.splitlines(True) if not line.startswith("waits for"))


@covers("G25")
def test_policies_and_flags_are_loaded(load: Load, worker_db: Connection) -> None:
    assert output(load()) == "done: 6 creditors, 6 of this shard, 12 accounts, 24 notifications" + waiting(12)
    columns = "creditor_id, debtor_id, policy_name, min_principal, max_principal, peg_debtor_id, peg_exchange_rate"
    expected: list[tuple[Any, ...]] = []
    for creditor_id in CREDITORS:
        expected.append((creditor_id, USD, "conservative", 1000, 2**53 + 1, EUR, 1.25))
        expected.append((creditor_id, EUR, None, MIN64, MAX64, None, None))
    assert policies(worker_db, columns) == expected
    columns = (
        "latest_policy_update_id, latest_policy_update_ts = '2026-03-01T02:00Z', latest_flags_update_id, config_flags"
    )
    assert policies(worker_db, columns) == [(2, True, 2, 1), (1, False, 1, 0)] * len(CREDITORS)
    # Of the ledger nothing is invented.
    columns = "latest_ledger_update_id, account_id, principal, last_transfer_number, creation_date = '1970-01-01'"
    assert policies(worker_db, columns) == [(0, "", 0, 0, True)] * 12


def waiting(count: int) -> str:
    return f", {count} accounts wait for their first transfer\n"


LEDGER = "creditor_id, account_id, creation_date::text, principal, last_transfer_number, latest_ledger_update_id"


@covers("G25")
@pytest.mark.parametrize("account_id", ["account-5", "with a space/and%"])
def test_ledgers_with_a_transfer_are_loaded(
    load: Load, worker_db: Connection, agent: CreditorsAgent, tmp_path: Path, account_id: str
) -> None:
    """The agent names a transfer by the two fields that no document has."""
    ledger = agent.accounts[CREDITORS[0], USD].ledger
    ledger.account_id, ledger.creation_date, ledger.principal = account_id, date(2025, 6, 1), -51200
    ledger.last_transfer_number, ledger.update_id = 2**62, 77
    file = tmp_path / "waiting"
    assert "12 accounts, 25 notifications" + waiting(11) in output(load("--list-waiting", file))
    lines = file.read_text().splitlines()
    assert len(lines) == 11
    assert f"{2**64 + CREDITORS[0]} {2**63}" in lines
    assert f"{2**64 + CREDITORS[0]} {USD}" not in lines
    assert policies(worker_db, LEDGER)[0] == (CREDITORS[0], account_id, "2025-06-01", -51200, 2**62, 77)


@covers("G25")
@pytest.mark.parametrize(
    "transfer", ["transfers/20240-12a", "transfers/9999999-1", "transfers/20240", f"transfers/20240-{2**63}", "x"]
)
def test_a_ledger_is_not_guessed(
    load: Load, worker_db: Connection, agent: CreditorsAgent, server: CreditorsServer, transfer: str
) -> None:
    for key in agent.accounts:
        agent.accounts[key].ledger.last_transfer_number = 5
        agent.accounts[key].ledger.account_id = "a"

    def spoil(path: str, document: dict[str, Any]) -> None:
        if path.endswith("/entries"):
            document["items"][1]["transfer"]["uri"] = transfer

    server.overwrite = spoil
    assert "12 accounts, 24 notifications" + waiting(12) in output(load())
    assert {row[1] for row in policies(worker_db, LEDGER)} == {""}


@covers("G25")
def test_the_accounts_that_wait_are_named(load: Load) -> None:
    said = load().output.splitlines()
    assert f"waits for its first transfer: creditor {2**64 + CREDITORS[0]}, currency {2**63}" in said
    assert len([line for line in said if line.startswith("waits")]) == 12


@covers("G25")
@pytest.mark.parametrize(
    "rest", ["", "/", "/creditors", "/creditors/", "/creditors/.list", "/creditors/.wallet", "/creditors/2/accounts/1/"]
)
def test_the_address_may_be_any_of_the_web_api(load: Load, server: CreditorsServer, rest: str) -> None:
    assert output(load(LOAD_POLICIES_URL=server.url + rest)).startswith("done: 6 creditors")


@covers("G25")
@pytest.mark.parametrize("url", ["agent.example.com", "ftp://agent/", "https://", "/creditors/"])
def test_what_is_no_address_is_refused(load: Load, url: str) -> None:
    result = load(LOAD_POLICIES_URL=url)
    assert result.exit_code == 1
    assert "the address of the Web API" in result.output


@covers("G25")
def test_newer_notifications_win_and_repeating_changes_nothing(
    load: Load, worker_db: Connection, agent: CreditorsAgent
) -> None:
    output(load())
    before = policies(worker_db, "*")
    output(load())
    assert policies(worker_db, "*") == before
    worker_db.execute("update worker.trading_policy set latest_policy_update_id = 9, policy_name = 'later'")
    agent.set_flags(CREDITORS[0], USD, 0)
    output(load())
    columns = "policy_name, latest_flags_update_id, config_flags"
    assert policies(worker_db, columns)[0] == ("later", 3, 0)


@covers("G25")
@pytest.mark.parametrize("binding_key", ["0.#", "1.#"])
def test_a_shard_loads_its_own_customers(
    load: Load, worker_db: Connection, server: CreditorsServer, binding_key: str
) -> None:
    realm = Realm.parse(binding_key)
    words = "realm_mask = %s, realm = %s"
    worker_db.execute(f"update worker.configuration set {words}".encode(), (realm.mask, realm.realm))
    own = [creditor_id for creditor_id in CREDITORS if realm.matches(creditor_id)]
    assert 0 < len(own) < len(CREDITORS)
    said = output(load(PROTOCOL_BROKER_QUEUE_ROUTING_KEY=binding_key))
    assert (
        said
        == f"done: 6 creditors, {len(own)} of this shard, {2 * len(own)} accounts, {4 * len(own)} notifications"
        + waiting(2 * len(own))
    )
    assert [row[0] for row in policies(worker_db, "distinct creditor_id, debtor_id")] == sorted(own * 2)
    # Nobody else's wallet was even looked at.
    assert sum("accounts-list" in path for path in server.requests) == len(own)


@covers("G25")
@pytest.mark.parametrize(
    ("broken", "loaded", "next_page"),
    [
        ("/creditors/4294967298/enumerate", 2, "/creditors/4294967298/enumerate"),
        ("/creditors/4294967300/accounts-list", 4, "/creditors/4294967300/enumerate"),
        ("/creditors/1099511627776/accounts/666/", 4, "/creditors/4294967300/enumerate"),
    ],
)
def test_loading_resumes_after_the_last_complete_page(
    load: Load, worker_db: Connection, server: CreditorsServer, tmp_path: Path, broken: str, loaded: int, next_page: str
) -> None:
    bookmark = tmp_path / "bookmark"
    server.fault = lambda path: (500, {}) if path == broken else None
    failed = load("--bookmark", bookmark)
    assert failed.exit_code == 1
    assert f"{broken}: status 500, {TRIES} times; run the same command again to go on" in failed.output
    assert {row[0] for row in policies(worker_db, "creditor_id")} == set(CREDITORS[:loaded])
    assert json.loads(bookmark.read_text())["next_page"] == server.url + next_page

    server.fault = lambda path: None
    server.requests.clear()
    said = output(load("--bookmark", bookmark))
    assert said.startswith("going on at http://127.0.0.1:")
    assert "/creditors/.list" not in server.requests
    assert not any(path.startswith("/creditors/4294967297/accounts") for path in server.requests)
    assert len(policies(worker_db, "1")) == 12
    assert not bookmark.exists()
    assert output(load("--bookmark", bookmark)).startswith("done: 6 creditors")


@covers("G25")
def test_a_bookmark_of_another_shard_is_refused(load: Load, server: CreditorsServer, tmp_path: Path) -> None:
    bookmark = tmp_path / "bookmark"
    server.fault = lambda path: (500, {}) if "4294967300" in path else None
    load("--bookmark", bookmark)
    result = load("--bookmark", bookmark, PROTOCOL_BROKER_QUEUE_ROUTING_KEY="0.#")
    assert result.exit_code == 1
    assert "belongs to another server or shard" in result.output


@covers("G25")
def test_busy_servers_are_asked_again(load: Load, worker_db: Connection, server: CreditorsServer) -> None:
    """Every request fails once: with too many requests, or in the middle of a restart."""
    server.fault = lambda path: (429, {"Retry-After": "1"}) if server.requests[path] == 1 else None
    output(load())
    assert len(policies(worker_db, "1")) == 12


@covers("G25")
def test_what_is_deleted_meanwhile_is_left_out(load: Load, worker_db: Connection, server: CreditorsServer) -> None:
    gone = (f"/creditors/{CREDITORS[1]}/accounts-list", f"/creditors/{CREDITORS[2]}/accounts/{USD}/")
    server.fault = lambda path: (404, {}) if path in gone else None
    assert "6 of this shard, 9 accounts, 18 notifications" in output(load())
    assert len(policies(worker_db, "1")) == 9


@covers("G25")
def test_nonsense_stops_no_other_account(load: Load, worker_db: Connection, server: CreditorsServer) -> None:
    """The bridge's checks apply; what can not be understood is left out, said, and makes the command fail."""

    def spoil(path: str, document: dict[str, Any]) -> None:
        if path == f"/creditors/{CREDITORS[1]}/accounts/{USD}/":
            document["exchange"]["maxPrincipal"] = 999  # below the minimum
        elif path == f"/creditors/{CREDITORS[2]}/accounts/{USD}/":
            document["config"]["latestUpdateId"] = 0
        elif path == f"/creditors/{CREDITORS[3]}/accounts/{USD}/":
            document["debtor"]["uri"] = "gold"
        elif path == f"/creditors/{CREDITORS[4]}/accounts/{USD}/":
            document["config"]["scheduledForDeletion"] = 1
        elif path == f"/creditors/{CREDITORS[5]}/accounts/{USD}/":
            document["exchange"]["peg"]["account"]["uri"] = "/creditors/1/accounts/1/"  # no such account

    server.overwrite = spoil
    result = load()
    assert result.exit_code == 1
    assert "5 were refused, see above" in result.output
    rows = policies(worker_db, "creditor_id, latest_policy_update_id, latest_flags_update_id")
    assert [row for row in rows if row[1:] != (1, 1)] == [(-5, 2, 2), (CREDITORS[1], 0, 2), (CREDITORS[2], 2, 0)]
    assert len(rows) == 9


@covers("G25")
def test_a_token_is_got_by_client_credentials(load: Load, server: CreditorsServer, worker_db: Connection) -> None:
    server.token_lifetime = 0  # every request needs a new one
    credentials = {"LOAD_POLICIES_TOKEN": "", "LOAD_POLICIES_TOKEN_URL": server.token_url}
    output(load(LOAD_POLICIES_CLIENT_ID=CLIENT_ID, LOAD_POLICIES_CLIENT_SECRET=CLIENT_SECRET, **credentials))
    assert len(policies(worker_db, "1")) == 12
    result = load(LOAD_POLICIES_CLIENT_ID=CLIENT_ID, LOAD_POLICIES_CLIENT_SECRET="wrong", **credentials)
    assert "the token server gave no token: status 401" in result.output
    assert "wrong" not in result.output


@covers("G25")
def test_a_revoked_token_is_replaced(server: CreditorsServer) -> None:
    auth = ClientCredentials(server.token_url, CLIENT_ID, CLIENT_SECRET, "access.readonly")
    with CreditorsApi(server.url, auth, Pace(1000)) as api:
        for _ in range(2):
            assert api.get(f"{server.url}/creditors/.list")["type"] == "CreditorsList"
            server.revoke_tokens()


@covers("G25")
@pytest.mark.parametrize(
    "variables",
    [
        {"LOAD_POLICIES_TOKEN": ""},
        {"LOAD_POLICIES_TOKEN_URL": "http://x"},
        {"LOAD_POLICIES_TOKEN": "", "LOAD_POLICIES_TOKEN_URL": "http://x"},
    ],
)
def test_without_a_token_there_is_no_request(load: Load, server: CreditorsServer, variables: dict[str, str]) -> None:
    result = load(**variables)
    assert result.exit_code == 2
    assert "either --token, or --token-url with --client-secret" in result.output
    assert not server.requests


@covers("G25")
def test_a_wrong_token_ends_the_loading(load: Load, server: CreditorsServer) -> None:
    result = load(LOAD_POLICIES_TOKEN="wrong")
    assert result.exit_code == 1
    assert "/creditors/.list: status 401" in result.output
    assert sum(server.requests.values()) == 1


def api_of(url: str, pace: Pace | None = None) -> CreditorsApi:
    return CreditorsApi(url, BearerToken("secret"), pace or Pace(1000, sleep=lambda seconds: None))


@covers("G25")
@pytest.mark.parametrize(
    "uri", ["https://elsewhere.example.com/x", "//elsewhere.example.com/x", "http://agent/", "http://[", "x:y"]
)
def test_the_token_stays_at_its_server(uri: str) -> None:
    with pytest.raises(ApiError), api_of("https://agent") as api:
        api.resolve(uri)


@covers("G25")
def test_references_are_relative_to_their_document() -> None:
    with api_of("https://agent/prefix") as api:
        assert api.resolve("creditors/.list") == "https://agent/prefix/creditors/.list"
        assert api.resolve("?prev=4", "https://agent/creditors/2/accounts?prev=2").endswith("/2/accounts?prev=4")
        assert api.resolve("accounts-list", "https://agent/creditors/2/") == "https://agent/creditors/2/accounts-list"


@covers("G25")
@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"items": "none"}, "a page without items"),
        ({"items": [{"url": "x"}]}, "a document without 'uri'"),
        ({"items": [], "next": "page"}, "the next page is the same one"),
        ([], "not a JSON object"),
    ],
)
def test_pages_that_make_no_sense_are_refused(document: Any, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        httpx.Client,
        "get",
        lambda *_: httpx.Response(200, json=document, request=httpx.Request("GET", "https://agent/page")),
    )
    with pytest.raises(ApiError, match=said), api_of("https://agent") as api:
        list(api.pages("https://agent/page"))


@covers("G25")
def test_pauses_grow_and_the_server_may_ask_for_longer_ones(server: CreditorsServer) -> None:
    slept: list[float] = []
    server.fault = lambda path: (503, {"Retry-After": "5"}) if sum(server.requests.values()) <= 4 else (500, {})
    with pytest.raises(ApiError), api_of(server.url, Pace(1e9, clock=lambda: 0.0, sleep=slept.append)) as api:
        api.get(f"{server.url}/creditors/.list")
    assert [pause for pause in slept if pause >= 1] == [5, 5, 5, 8, 16]


@covers("G25")
def test_a_server_that_can_not_be_reached_is_told() -> None:
    with pytest.raises(ApiError, match="ConnectError"), api_of("http://127.0.0.1:1") as api:
        api.get("http://127.0.0.1:1/x")


@covers("G25")
def test_requests_keep_their_pace() -> None:
    slept: list[float] = []
    moments = iter([0.0, 0.0, 0.25, 9.0])
    pace = Pace(2.0, clock=lambda: next(moments), sleep=slept.append)
    for _ in range(4):
        pace.wait()
    assert slept == [0.5, 0.75]

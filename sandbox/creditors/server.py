"""The reading half of a creditors agent's Web API on this computer, as far as administrators use it, and tokens for it.

The documents have the form of the Swaptacular Creditors API. IDs are unsigned in paths; references are relative.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sandbox.creditors.agent import SCHEDULED_FOR_DELETION, CreditorsAgent, CustomerAccount
from sandbox.protocol.identity import u64

CLIENT_ID, CLIENT_SECRET = "creditors-superuser", "correct horse"

_LEAST_ID = 2**63
_CREDITOR = re.compile(r"/creditors/(\d+)/(enumerate|accounts-list|accounts|accounts/(\d+)/(entries)?)")

Document = dict[str, Any]
Fault = Callable[[str], tuple[int, dict[str, str]] | None]


class CreditorsServer:
    """Use as a context manager. While it answers nobody else may use the agent.

    `fault` may answer a path with a status and headers instead; `overwrite` may change a document before it is sent.
    """

    def __init__(self, agent: CreditorsAgent, page_size: int = 2) -> None:
        self._agent = agent
        self._page_size = page_size
        self.requests: Counter[str] = Counter()
        self.token_lifetime = 3600
        self.fault: Fault = lambda path: None
        self.overwrite: Callable[[str, Document], None] = lambda path, document: None
        self._tokens: set[str] = set()
        self._server = _Server(("127.0.0.1", 0), self)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> CreditorsServer:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def token_url(self) -> str:
        """Where clients get tokens."""
        return f"{self.url}/oauth2/token"

    def give_token(self) -> str:
        """A new token."""
        token = f"token-{len(self._tokens)}"
        self._tokens.add(token)
        return token

    def revoke_tokens(self) -> None:
        """Makes all tokens useless."""
        self._tokens = {f"revoked-{n}" for n in range(len(self._tokens))}

    def answer_token(self, authorization: str, form: str) -> tuple[int, Document]:
        """The answer to a request for a token."""
        wanted = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if authorization != f"Basic {wanted}" or parse_qs(form).get("grant_type") != ["client_credentials"]:
            return 401, {"error": "invalid_client"}
        return 200, {"access_token": self.give_token(), "token_type": "bearer", "expires_in": self.token_lifetime}

    def answer(self, target: str, authorization: str) -> tuple[int, Document, dict[str, str]]:
        """The answer to a GET request: status, document, headers."""
        path = urlsplit(target).path
        self.requests[target] += 1
        if (fault := self.fault(target)) is not None:
            return fault[0], {}, fault[1]
        if authorization.removeprefix("Bearer ") not in self._tokens:
            return 401, {}, {}
        document = self._document(path, parse_qs(urlsplit(target).query))
        if document is None:
            return 404, {}, {}
        self.overwrite(path, document)
        return 200, document, {}

    def _document(self, path: str, query: dict[str, list[str]]) -> Document | None:
        if path == "/creditors/.list":
            return _list("CreditorsList", path, f"/creditors/{_LEAST_ID}/enumerate")
        match = _CREDITOR.fullmatch(path)
        if match is None:
            return None
        creditor_id, what = _signed(match[1]), match[2]
        if what == "enumerate":
            return self._creditors_page(path, creditor_id)
        accounts = {d: account for (c, d), account in self._agent.accounts.items() if c == creditor_id}
        if not accounts:
            return None
        if what == "accounts-list":
            return _list("AccountsList", path, f"/creditors/{u64(creditor_id)}/accounts")
        if what == "accounts":
            return self._accounts_page(path, creditor_id, sorted(accounts), int(query.get("prev", ["0"])[0]))
        debtor_id = _signed(match[3])
        if debtor_id not in accounts:
            return None
        if match[4]:
            return _entries_page(path, accounts[debtor_id])
        return _account(creditor_id, debtor_id, accounts[debtor_id])

    def _creditors_page(self, path: str, first: int) -> Document:
        creditors = sorted({creditor_id for creditor_id, _ in self._agent.accounts})
        start = bisect_left(creditors, first)
        shown = creditors[start : start + self._page_size]
        page = _page(path, [f"/creditors/{u64(creditor_id)}/" for creditor_id in shown])
        if start + self._page_size < len(creditors):
            page["next"] = f"/creditors/{u64(shown[-1] + 1)}/enumerate"
        return page

    def _accounts_page(self, path: str, creditor_id: int, debtors: list[int], start: int) -> Document:
        shown = debtors[start : start + self._page_size]
        page = _page(path, [f"accounts/{u64(debtor_id)}/" for debtor_id in shown])
        if start + self._page_size < len(debtors):
            page["next"] = f"?prev={start + self._page_size}"
        return page


def _account(creditor_id: int, debtor_id: int, account: CustomerAccount) -> Document:
    uri = f"/creditors/{u64(creditor_id)}/accounts/{u64(debtor_id)}/"
    policy, ledger = account.policy, account.ledger
    exchange: Document = {
        "type": "AccountExchange",
        "uri": f"{uri}exchange",
        "minPrincipal": policy.min_principal,
        "maxPrincipal": policy.max_principal,
        "latestUpdateId": account.policy_update_id,
        "latestUpdateAt": account.policy_changed_at.isoformat(),
    }
    if policy.name is not None:
        exchange["policy"] = policy.name
    if policy.peg_debtor_id is not None:
        peg_uri = f"/creditors/{u64(creditor_id)}/accounts/{u64(policy.peg_debtor_id)}/"
        exchange["peg"] = {"type": "CurrencyPeg", "exchangeRate": policy.peg_exchange_rate, "account": {"uri": peg_uri}}
    return {
        "type": "Account",
        "uri": uri,
        "debtor": {"type": "DebtorIdentity", "uri": f"swpt:{u64(debtor_id)}"},
        "exchange": exchange,
        "config": {
            "type": "AccountConfig",
            "uri": f"{uri}config",
            "negligibleAmount": account.negligible_amount,
            "scheduledForDeletion": bool(account.config_flags & SCHEDULED_FOR_DELETION),
            "allowUnsafeDeletion": False,
            "latestUpdateId": account.config_update_id,
            "latestUpdateAt": account.config_changed_at.isoformat(),
        },
        "info": _info(debtor_id, ledger.account_id),
        "ledger": {
            "type": "AccountLedger",
            "uri": f"{uri}ledger",
            "principal": ledger.principal,
            "entries": {"type": "PaginatedList", "itemsType": "LedgerEntry", "first": f"{uri}entries"},
            "nextEntryId": 1 if ledger.last_transfer_number == 0 else 3,
            "latestUpdateId": ledger.update_id,
            "latestUpdateAt": ledger.changed_at.isoformat(),
        },
    }


def _info(debtor_id: int, account_id: str) -> Document:
    info: Document = {"type": "AccountInfo"}
    if account_id:
        is_plain = re.fullmatch(r"[A-Za-z0-9_=-]+", account_id)
        shown = account_id if is_plain else "!" + base64.urlsafe_b64encode(account_id.encode()).decode()
        info["identity"] = {"type": "AccountIdentity", "uri": f"swpt:{u64(debtor_id)}/{shown}"}
    return info


def _entries_page(uri: str, account: CustomerAccount) -> Document:
    """A correction, and what the last transfer made."""
    ledger = account.ledger
    number = ledger.last_transfer_number
    page: Document = {"type": "LedgerEntriesPage", "uri": uri, "items": []}
    if number:
        transfer = f"transfers/{(ledger.creation_date - date(1970, 1, 1)).days}-{number}"
        page["items"] = [
            {"type": "LedgerEntry", "entryId": 2, "principal": ledger.principal},
            {"type": "LedgerEntry", "entryId": 1, "principal": 0, "transfer": {"uri": transfer}},
        ]
    return page


def _list(kind: str, uri: str, first: str) -> Document:
    return {"type": kind, "uri": uri, "itemsType": "ObjectReference", "first": first}


def _page(uri: str, references: list[str]) -> Document:
    return {"type": "ObjectReferencesPage", "uri": uri, "items": [{"uri": reference} for reference in references]}


def _signed(digits: str) -> int:
    number = int(digits) % 2**64
    return number - 2**64 if number >= 2**63 else number


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], owner: CreditorsServer) -> None:
        super().__init__(address, _Handler)
        self.owner = owner


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # One packet an answer: two would wait for each other.
    wbufsize = 2**16
    server: _Server

    def do_GET(self) -> None:
        """Answers with a document."""
        self._send(*self.server.owner.answer(self.path, self.headers.get("Authorization", "")))

    def do_POST(self) -> None:
        """Answers with a token."""
        form = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
        self._send(*self.server.owner.answer_token(self.headers.get("Authorization", ""), form), {})

    def _send(self, status: int, document: Document, headers: dict[str, str]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Silence."""

"""The OpenAPI document, and whether the API keeps to it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import booleans, data, integers, sampled_from
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from pipelines.solver.solve import solve_turn
from tests.covering import covers
from tests.pipelines.solver.markets import make_market
from tests.pipelines.solver.solver_turns import COLLECTORS, OFFERS
from tests.pipelines.solver.solver_turns import insert_turn as insert_offers
from tests.web.conftest import Web
from tests.web.rows import insert_collector, set_aside

DOCUMENT = "/trade/.docs/openapi.json"

SCOPES = {
    ("/trade/health/check/public", "get"): ("checkHealth", []),
    ("/trade/collectors/", "get"): ("getCollectorsOverview", ["access.readonly"]),
    ("/trade/collectors/{debtorId}/activate", "post"): ("activateCollectors", ["activate"]),
    ("/trade/collectors/{debtorId}/", "get"): ("getCollectorAccounts", ["access.readonly"]),
    ("/trade/collectors/{debtorId}/{collectorId}", "get"): ("getCollectorAccount", ["access.readonly"]),
    ("/trade/turns/", "get"): ("getTurns", ["access.readonly"]),
    ("/trade/turns/{turnId}", "get"): ("getTurn", ["access.readonly"]),
    ("/trade/turns/{turnId}/currencies/", "get"): ("getTurnCurrencies", ["access.readonly"]),
    ("/trade/turns/{turnId}/currencies/{debtorId}", "get"): ("getTurnCurrency", ["access.readonly"]),
    ("/trade/turns/{turnId}/creditors/{creditorId}", "get"): ("getTurnTrader", ["access.readonly"]),
    ("/trade/turns/{turnId}/circles/", "get"): ("getTurnCircles", ["access.readonly"]),
    ("/trade/statistics/most-bought-currencies.csv", "get"): ("getMostBoughtCurrenciesCsv", ["access.readonly"]),
    ("/trade/queues/", "get"): ("getAllQueues", ["access.readonly"]),
    ("/trade/queues/{workerNumber}", "get"): ("getQueues", ["access.readonly"]),
    ("/trade/set-aside/{workerNumber}/", "get"): ("getSetAsideMessages", ["access.readonly"]),
    ("/trade/set-aside/{workerNumber}/decisions/", "get"): ("getSetAsideDecisions", ["access.readonly"]),
    ("/trade/set-aside/{workerNumber}/{setAsideId}", "get"): ("getSetAsideMessage", ["access.readonly"]),
    ("/trade/set-aside/{workerNumber}/{setAsideId}/replay", "post"): ("replaySetAsideMessage", ["access"]),
    ("/trade/set-aside/{workerNumber}/{setAsideId}/discard", "post"): ("discardSetAsideMessage", ["access"]),
}


@pytest.fixture
def document(make_client: Callable[..., FlaskClient]) -> dict[str, Any]:
    response = make_client().get(DOCUMENT)
    assert (response.status_code, response.mimetype) == (200, "application/json")
    content: dict[str, Any] = response.json
    return content


def test_the_document_has_a_title_servers_and_scopes(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.0.2"
    assert document["info"] == {"title": "Trade API", "version": "v1"}
    assert document["servers"] == [{"url": "/"}]
    flow = document["components"]["securitySchemes"]["oauth2"]["flows"]["clientCredentials"]
    assert set(flow["scopes"]) == {"access.readonly", "access", "activate", "deactivate"}
    assert "$" not in re.sub(r'"pattern": "[^"]*"|"\$ref"', "", json.dumps(document))


def test_the_document_says_where_everything_is(make_client: Callable[..., FlaskClient]) -> None:
    places = {
        "API_ROOT": "https://example.com/api",
        "OAUTH2_TOKEN_URL": "https://login.example.com/token",
        "OAUTH2_REFRESH_URL": "https://login.example.com/refresh",
    }
    client = make_client(**places)
    document = client.get(DOCUMENT).json
    assert document is not None
    assert document["servers"] == [{"url": "https://example.com/api"}, {"url": "/"}]
    flow = document["components"]["securitySchemes"]["oauth2"]["flows"]["clientCredentials"]
    assert (flow["tokenUrl"], flow["refreshUrl"]) == (places["OAUTH2_TOKEN_URL"], places["OAUTH2_REFRESH_URL"])
    assert "authorizationCode" not in document["components"]["securitySchemes"]["oauth2"]["flows"]
    policy = client.get("/trade/.docs/").headers["Content-Security-Policy"]
    assert "connect-src 'self' https://example.com https://login.example.com;" in policy


def test_users_may_log_in_where_the_authorization_server_is_known(make_client: Callable[..., FlaskClient]) -> None:
    login = "https://login.example.com/authorize"
    document = make_client(OAUTH2_AUTHORIZATION_URL=login).get(DOCUMENT).json
    assert document is not None
    flow = document["components"]["securitySchemes"]["oauth2"]["flows"]["authorizationCode"]
    assert (flow["authorizationUrl"], flow["tokenUrl"]) == (login, "/oauth2/token")
    assert set(flow["scopes"]) == {"access.readonly", "access"}


def test_operations_and_their_scopes(document: dict[str, Any]) -> None:
    documented = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if method != "parameters":
                security = [name for scheme in operation["security"] for name in scheme.get("oauth2", [])]
                assert operation["security"] == ([] if not security else [{"oauth2": security}, {"bearer": []}])
                documented[path, method] = (operation["operationId"], security)
    assert documented == SCOPES


@covers("C24")
def test_the_documented_pattern_is_the_real_one(document: dict[str, Any]) -> None:
    (parameter,) = document["paths"]["/trade/collectors/{debtorId}/activate"]["parameters"]
    assert parameter == {
        "in": "path",
        "name": "debtorId",
        "required": True,
        "schema": {"type": "string", "pattern": "^(0|[1-9][0-9]{0,19})$"},
    }


def test_the_body_is_documented(document: dict[str, Any]) -> None:
    body = document["paths"]["/trade/collectors/{debtorId}/activate"]["post"]["requestBody"]
    assert body["required"] is False
    name = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    schema = document["components"]["schemas"][name]
    assert schema["additionalProperties"] is False
    number = schema["properties"]["numberOfAccounts"]
    assert (number["type"], number["minimum"], number["maximum"], number["default"]) == ("integer", 1, 2**63 - 1, 1)


@pytest.mark.parametrize("elsewhere", ["", "https://cdn.example.com/swagger-ui/"])
def test_the_pages_need_no_other_server(make_client: Callable[..., FlaskClient], elsewhere: str) -> None:
    client = make_client(API_TITLE="My API", OPENAPI_SWAGGER_UI_URL=elsewhere)
    assert client.get("/trade/.docs/swagger-ui").status_code == (200 if elsewhere else 404)
    for path in ["/trade/.docs/", *(["/trade/.docs/swagger-ui"] if elsewhere else [])]:
        page = client.get(path)
        assert (page.status_code, page.mimetype) == (200, "text/html")
        assert "My API" in page.text
        assert "://" not in page.text
        assert "'unsafe" not in page.headers["Content-Security-Policy"]
        assert page.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self';")
        files = re.findall(r'(?:src|href|data-document)="(/[^"]+)"', page.text)
        assert len(files) >= 4
        for file in files:
            assert client.get(file).status_code == 200


def test_the_files_are_those_of_the_page_only(make_client: Callable[..., FlaskClient]) -> None:
    client = make_client()
    for name in ("index.html", "oauth2-redirect.html", "../__init__.py", "%2e%2e/__init__.py", "swagger-ui.js"):
        assert client.get(f"/trade/.docs/swagger-ui-files/{name}").status_code in (401, 404)
    assert "Apache License" in client.get("/trade/.docs/swagger-ui-files/LICENSE").text


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_random_requests_get_documented_answers(web: Web) -> None:
    insert_collector(web.solver, 1, 1)
    insert_offers(web.solver, make_market(OFFERS, {2: 2.0}, COLLECTORS), 1)
    assert solve_turn(web.solver, 1) is not None
    for _ in range(20):
        set_aside(web.worker, {"type": "UpdatedFlags", "creditor_id": 1})
    existing = {
        "debtorId": 1,
        "collectorId": 1,
        "creditorId": 1,
        "turnId": 1,
        "workerNumber": 0,
        "setAsideId": integers(1, 20),
    }
    answers: set[tuple[str, int]] = set()
    app = web.client.application
    headers = {"Authorization": "Bearer superuser"}
    schema = schemathesis.openapi.from_wsgi(DOCUMENT, app)
    operations = [result.ok() for result in schema.get_all_operations()]
    assert len(operations) == len(SCOPES)

    @settings(
        # Each operation has to succeed once, for which a part would not do.
        max_examples=300,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation=sampled_from(operations), choice=data())
    def check(operation: Any, choice: Any) -> None:
        case = choice.draw(operation.as_strategy())
        if choice.draw(booleans()):
            for name in case.path_parameters:
                value = existing[name]
                case.path_parameters[name] = value if isinstance(value, int) else choice.draw(value)
        response = case.call(headers=headers, base_url="http://localhost")
        answers.add((operation.label, response.status_code))
        # Refusals of sensible requests are documented as 500.
        refusals = [not_a_server_error] if operation.path.endswith("/activate") else []
        # It invents a token, and does not see that ours goes with the request.
        excluded = [*refusals, ignored_auth]
        # No pattern says that some numbers of 20 digits are too large.
        if "Not an unsigned 64-bit integer." in response.text:
            excluded.append(positive_data_acceptance)
        case.validate_response(response, excluded_checks=excluded)

    check()
    assert {label for label, code in answers if code in (200, 204)} == {operation.label for operation in operations}

"""The statistics of currencies as CSV."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from flask.testing import FlaskClient

from sql import Kind
from tests.covering import covers
from tests.databases import as_role
from tests.web.conftest import EVERY_SCOPE, OWNER, Web

PATH = "/trade/statistics/most-bought-currencies.csv"


def insert(web: Web, *rows: tuple[float, str, int]) -> None:
    for average, locator, debtor_id in rows:
        web.solver.execute("insert into solver.most_bought_currency values (%s, %s, %s)", (debtor_id, average, locator))


@covers("V14.48")
def test_rows_are_in_the_order_of_their_averages(web: Web) -> None:
    web.solver.execute("set swpt.now = '2026-03-01T02:00:00Z'")
    insert(web, (500.0, "https://example.com/2", 2), (1000.0, "https://example.com/1", -1))
    response = web.get(PATH)
    assert response.status_code == 200
    assert response.data == (
        b"1000,https://example.com/1#swpt:18446744073709551615\r\n500,https://example.com/2#swpt:2\r\n"
    )
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert response.headers["Cache-Control"] == "max-age=3600"
    disposition = response.headers["Content-Disposition"]
    day = disposition.removeprefix('attachment; filename="most-bought-currencies-').removesuffix('.csv"')
    assert abs((datetime.now(UTC) - datetime.fromisoformat(day).replace(tzinfo=UTC)).days) <= 1


@covers("V14.49")
def test_averages_have_six_digits(web: Web) -> None:
    insert(web, (9.666667, "https://a/", 1), (1234567, "https://b/", 2), (0.0001234, "https://c/", 3))
    averages = [line.partition(",")[0] for line in web.get(PATH).text.splitlines()]
    assert averages == ["1.23457e+06", "9.66667", "0.0001234"]


def test_equal_averages_are_in_the_order_of_the_debtors(web: Web) -> None:
    insert(web, (1, "https://b/", 2), (1, 'https://a/,"', -1))
    assert web.get(PATH).data == b'1,"https://a/,""#swpt:18446744073709551615"\r\n1,https://b/#swpt:2\r\n'


@covers("V14.50")
@pytest.mark.parametrize(("subject", "status"), [("creditors:3", 403), ("INVALID", 403), (f"creditors:{OWNER}", 200)])
def test_the_owner_may_read_it(web: Web, subject: str, status: int) -> None:
    web.tokens.allow("t", subject, EVERY_SCOPE)
    assert web.get(PATH, "t").status_code == status


@covers("V14.50")
def test_whoever_is_not_asked_for_a_token_may_read_it(
    new_database: Callable[[Kind], str], make_client: Callable[..., FlaskClient]
) -> None:
    client = make_client(
        SOLVER_POSTGRES_URL=as_role(new_database("solver"), "operator"),
        OAUTH2_INTROSPECT_URL="",
        APP_WEBSERVER_NO_TOKEN_CHECK="true",
    )
    assert client.get(PATH).status_code == 200

"""What currencies are called on pages."""

from __future__ import annotations

import pytest

from pipelines.names import CurrencyName
from reports.currency_labels import both_ids, currency_labels


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (CurrencyName("Regio", "RGO"), "Regio (RGO)"),
        (CurrencyName("Regio"), "Regio"),
        (CurrencyName(None, "RGO"), "RGO"),
        (CurrencyName("Euro", "Euro"), "Euro"),
        (CurrencyName("x" * 40, "y" * 40), f"{'x' * 18}… ({'y' * 9}…)"),
        (CurrencyName("x" * 40), f"{'x' * 31}…"),
    ],
)
def test_a_label_has_name_and_abbreviation_as_far_as_there_is_room(name: CurrencyName, words: str) -> None:
    assert currency_labels({7: name}, {7: "https://example.com/7"}) == {7: words}
    assert len(words) <= 32


def test_without_a_name_a_label_is_the_end_of_the_locator() -> None:
    assert currency_labels({}, {7: "https://example.com/7", 8: None}) == {7: "example.com/7"}
    assert currency_labels({}, {7: "https://" + "x" * 100}) == {7: "x" * 32}


@pytest.mark.parametrize("other", ["Regio", "REGIO", "\uff32\uff45\uff47\uff49\uff4f", "Regio."])
def test_what_looks_the_same_gets_its_id(other: str) -> None:
    names = {-1: CurrencyName("Regio"), 7: CurrencyName(other), 8: CurrencyName("Euro")}
    assert currency_labels(names, {}) == {-1: f"Regio {2**64 - 1}", 7: f"{other} 7", 8: "Euro"}


def test_nobody_is_called_like_a_currency_without_a_name() -> None:
    assert currency_labels({7: CurrencyName("Currency 8")}, {}) == {7: "Currency 8 7"}


def test_ids_have_both_forms_where_these_differ() -> None:
    assert (both_ids(7), both_ids(-1)) == ("7", "18446744073709551615 (-1)")

from __future__ import annotations

import pytest

from kubeagentix.analysis.spelling import MAX_COMPARED, nearest, shared_ends

MANY = [f"app-config-{number}" for number in range(5000)]


def test_the_likest_of_a_few_is_found() -> None:
    assert nearest("web-confg", ["db-config", "web-config", "web"]) == "web-config"
    assert nearest("web", ["database"]) == ""
    assert nearest("web", []) == ""


@pytest.mark.parametrize("typed", ["payments-confg", "paymnets-config", "payment-config", "xayments-config"])
def test_the_likest_of_many_is_found(typed: str) -> None:
    assert len(MANY) > MAX_COMPARED
    assert nearest(typed, [*MANY, "payments-config"]) == "payments-config"


def test_case_is_the_likeliest_slip() -> None:
    assert nearest("apiKey", ["API_KEY", "apikey", "db"]) == "apikey"


@pytest.mark.parametrize(
    ("left", "right", "expected"), [("abcd", "abxd", 3), ("aa", "aaa", 2), ("", "a", 0), ("ab", "ab", 2)]
)
def test_ends_are_counted_once(left: str, right: str, expected: int) -> None:
    assert shared_ends(left, right) == expected


def test_words_in_another_order_are_the_same_name() -> None:
    assert nearest("data-store", ["store-data", "data-stock"]) == "store-data"
    assert nearest("data-store", ["shop-cache"]) == ""

"""How sure a model says to be, in all the ways it says it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeagentix.engine.confidences import confidence_of, stated_confidence


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *((0.8, 0.8), (1, 1.0), (0, 0.0), (80, 0.8), (100, 1.0), (250, 1.0), (-1, 0.0), (1.2, 1.0), (3, 0.03)),
        *(("0.8", 0.8), ("80%", 0.8), ("80 %", 0.8), ("80", 0.8), ("8/10", 0.8), ("80/100", 0.8), ("~0.9", 0.9)),
        *(("1%", 0.01), ("72.5%", 0.725), ("0,8", 0.8), ("90 percent", 0.9), ("high (85%)", 0.85), ("140%", 1.0)),
        *(("high", 0.85), ("HIGH", 0.85), ("Medium", 0.6), ("low", 0.3), ("very high", 0.95), ("medium-high", 0.75)),
        *((None, None), (True, None), ("", None), ("who knows", None), (math.nan, None), (math.inf, None), ([], None)),
    ],
)
def test_a_confidence_is_read(value: object, expected: float | None) -> None:
    assert confidence_of(value) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("I am 80% sure", 0.8), ("confidence: 7/10", 0.7), ("port 8080, 3 replicas", None), ("high load", None)],
)
def test_in_prose_it_has_to_be_marked_as_one(text: str, expected: float | None) -> None:
    assert stated_confidence(text) == expected


@given(st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers()))
def test_whatever_comes_it_is_none_or_from_0_to_1(value: object) -> None:
    found = confidence_of(value)
    assert found is None or 0 <= found <= 1

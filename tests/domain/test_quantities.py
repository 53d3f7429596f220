"""Quantities, as apimachinery reads them."""

from __future__ import annotations

import pytest

from kubeagentix.domain.quantities import format_bytes, format_cpu, parse_quantity, quantity_or_zero


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("250m", 0.25),
        ("2", 2.0),
        ("1Gi", 2.0**30),
        ("1G", 1e9),
        ("1.5Mi", 1.5 * 2**20),
        ("12345678n", 0.012345678),
        ("1e3", 1000.0),
        ("100k", 1e5),
        (3, 3.0),
    ],
)
def test_a_quantity_is_a_number_in_its_base_unit(text: str | int, value: float) -> None:
    assert parse_quantity(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "abc", "1Zi", "1 Gi", "--1"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a Kubernetes quantity|could not convert"):
        parse_quantity(text)
    assert quantity_or_zero(text) == 0.0


def test_numbers_are_written_as_people_write_them() -> None:
    assert [format_bytes(value) for value in (64 * 2**20, 1.5 * 2**30, 512)] == ["64Mi", "1.5Gi", "512"]
    assert [format_cpu(value) for value in (0.25, 1.5, 4)] == ["250m", "1.5", "4"]

"""Text for a model: tables, YAML, ages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import yaml

from kubeagentix.toolkit.wording import age, count_of, listed, table, yaml_text

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)


def test_a_table_is_aligned_without_empty_columns_or_blanks_at_the_end() -> None:
    text = table(
        ("NAME", "GONE", "STATUS"), [("a", "", "Running"), ("longer", "", ""), ("evil\x1b[31m\nname", "", "x")]
    )
    assert text.splitlines() == ["NAME       STATUS", "a          Running", "longer     -", "evil name  x"]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "<1m"), (59, "<1m"), (60, "1m"), (7199, "119m"), (7200, "2h"), (3600 * 47, "47h"), (86_400 * 9, "9d")],
)
def test_an_age_is_told_in_one_unit(seconds: int, said: str) -> None:
    assert age(NOW - timedelta(seconds=seconds), NOW) == said
    assert age((NOW - timedelta(seconds=seconds)).isoformat(), NOW) == said


def test_an_unknown_age_is_no_word() -> None:
    assert age(None, NOW) == age("", NOW) == age("soon", NOW) == age("2026-01-01", NOW) == ""


def test_yaml_keeps_its_order_and_says_the_same() -> None:
    value = {"z": 1, "a": ["x: y", "true", "1.0"], "script": "#!/bin/sh\necho  \n  deep\n", "none": None, "on": "on"}
    text = yaml_text(value)
    assert text.splitlines()[0] == "z: 1"
    assert "script: |" in text
    assert yaml.safe_load(text) == {**value, "script": "#!/bin/sh\necho\n  deep\n"}
    shared = {"a": 1}
    assert "&" not in yaml_text({"x": shared, "y": shared})


def test_numbers_and_lists_in_words() -> None:
    assert (count_of(1, "pod"), count_of(0, "pod")) == ("1 pod", "0 pods")
    assert (listed(["a"], 2), listed(["a", "b", "c"], 2)) == ("a", "a, b and 1 more")

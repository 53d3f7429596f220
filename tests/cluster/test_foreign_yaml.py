"""YAML of others: one kind of error whatever is wrong, no more memory than the text is worth, kubectl's numbers."""

from __future__ import annotations

import traceback

import pytest
import yaml

from kubeagentix.cluster.foreign_yaml import load_all


@pytest.mark.parametrize(
    "text",
    [
        "a: 2001-99-99",  # ValueError in PyYAML
        "a: !!int ''",  # IndexError
        "a: !!timestamp x",  # AttributeError
        "a: !!bool maybe",  # KeyError
        "[" * 5000,  # RecursionError
        f"a: {'9' * 5000}",  # more digits than int() takes
        "a: !!python/object:os.system x",
        "a: [",
    ],
)
def test_whatever_is_wrong_is_a_yaml_error(text: str) -> None:
    with pytest.raises(yaml.YAMLError):
        load_all(text)


def test_merged_mappings_cannot_stand_for_gigabytes() -> None:
    lines = ["a0: &a0 {x: 1, y: 2}"]
    lines += [f"a{level}: &a{level} {{<<: [{', '.join([f'*a{level - 1}'] * 10)}]}}" for level in range(1, 9)]
    assert load_all("\n".join(lines))[0]["a8"] == {"x": 1, "y": 2}


def test_merging_works_as_far_as_anybody_needs_it() -> None:
    assert load_all("a: &a {x: 1}\nb: {<<: *a, y: 2}") == [{"a": {"x": 1}, "b": {"x": 1, "y": 2}}]


def test_what_has_colons_is_a_text_as_it_is_for_kubectl() -> None:
    assert load_all("[12:30:45, 1:2.5, !!int 1:2, 12, 1.5, 0x1f]") == [["12:30:45", "1:2.5", "1:2", 12, 1.5, 31]]


SECRET = "hunter2-s3cr3t-pw"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"a: 1\npassword: *{SECRET}", "at line 2, column 11: an alias of nothing"),
        (f"password: !{SECRET}", "at line 1, column 11: an unknown tag"),
        (f"password: !a!{SECRET} x", "at line 1, column 11: an unknown tag"),
        (f"\tpassword: {SECRET}", "at line 1, column 1: a tab"),
        (f'password: "\\q{SECRET}"', "at line 1, column 13: an unknown escape"),
        (f"a: &{SECRET} x\nb: &{SECRET} y", "at line 2, column 4: an anchor for the second time"),
        (f"a: 1\npassword: {SECRET}\x01", "at line 2, column 28: a control character"),
        (f"password: @{SECRET}", "at line 1, column 11: a character that no value can begin with"),
        (f"password: {SECRET}: x", "at line 1, column 28: a colon"),
        (f"password: '{SECRET}", "at line 1, column 29: quotes that are not closed"),
        (f"password: !!int {SECRET}", "at line 1, column 11: a value that is not of the form"),
        (f"password: |{SECRET}", "at line 1, column 12: a character"),
        (f"%TAG {SECRET}", "at line 1, column 6: a character"),
    ],
)
def test_a_fault_is_told_by_its_place_and_kind_without_the_text(text: str, told: str) -> None:
    with pytest.raises(yaml.YAMLError) as caught:
        load_all(text)
    assert str(caught.value).startswith(told)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__context__ is None  # whoever follows the chain finds nothing of it either

"""JSON in prose: what is sound is read as `json` reads it, what is damaged as it was meant."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubeagentix.engine.lenient_json import objects_in, read_value


def only(text: str) -> tuple[Any, bool]:
    (found,) = objects_in(text)
    return found.value, found.is_damaged


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}',
        'before {"a": 1} after',
        '```json\n{"a": 1}\n```',
        '~~~\n{"a":\n 1}\n~~~',
        'a {word} and { more } then {"a": 1}.',
    ],
)
def test_an_object_is_found_anywhere(text: str) -> None:
    assert only(text) == ({"a": 1}, False)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": [1, 2,], "b": {"c": 1,},}', {"a": [1, 2], "b": {"c": 1}}),
        ('{"a": 1 "b": 2}', {"a": 1, "b": 2}),
        ('{"a": "x"\n "b": "y"}', {"a": "x", "b": "y"}),
        ('{"a": 1,, "b": 2}', {"a": 1, "b": 2}),
        ("{'a': 'it's', 'b': \"x\"}", {"a": "it's", "b": "x"}),
        ("{\u201ca\u201d: \u201cx, y\u201d, \u2018b\u2019: 1}", {"a": "x, y", "b": 1}),
        ('{"a": "the pod "web" is down"}', {"a": 'the pod "web" is down'}),
        ('{a: 1, "b_c": two words, d: kubectl get pods}', {"a": 1, "b_c": "two words", "d": "kubectl get pods"}),
        ("{'a': True, 'b': False, 'c': None}", {"a": True, "b": False, "c": None}),
        ('{"a": true, // why\n /* and */ "b": 1 # so\n}', {"a": True, "b": 1}),
        ('\ufeff{\ufeff"a": 1}', {"a": 1}),
        ('{\u00a0"a":\u00a01}', {"a": 1}),
        ('{"a": "two\nlines"}', {"a": "two\nlines"}),
        ('{"a": "\\d+ \\"q\\" \\u00e9"}', {"a": 'd+ "q" é'}),
        ('{"a": "cut off in the mid', {"a": "cut off in the mid"}),
        ('{"a": [{"b": 1}, {"b": 2}', {"a": [{"b": 1}, {"b": 2}]}),
        ('{"a": [{"b": "x"}, {"b": "y', {"a": [{"b": "x"}, {"b": "y"}]}),
        ('{"a": ["kubectl get pods", "kubectl delete pods web', {"a": ["kubectl get pods"]}),
        ('{"a": [1, 2', {"a": [1]}),
        ('{"a": 1, "b": 0', {"a": 1}),
        ('{"a": 1, "b": tr', {"a": 1}),
        ('{"a": 1, "b', {"a": 1}),
        ('{"a": 1, "b":', {"a": 1}),
        ('{"a": 0., "b": 80%, "c": 1}', {"a": "0.", "b": "80%", "c": 1}),
        ('{"a": [{"b": 1], "c": 2}', {"a": [{"b": 1}], "c": 2}),
        ('{"a": [1, 2}', {"a": [1, 2]}),
        ('{"a": , "b": 1}', {"b": 1}),
        ('{"a": 1}}', {"a": 1}),
    ],
)
def test_damage_is_read_as_it_was_meant_and_said(text: str, value: object) -> None:
    read, is_damaged = only(text)
    assert read == value
    assert is_damaged or text == '{"a": 1}}'


def test_an_object_does_not_go_over_the_end_of_its_fence() -> None:
    assert [item.value for item in objects_in('```json\n{"a": [1,\n```\nso {"b": 2}')] == [{"a": [1]}, {"b": 2}]


@pytest.mark.parametrize("text", ["", "{", "}", "{}", "no braces", "a {word}", "{ {", "set x to {y}"])
def test_what_is_no_object_with_anything_in_it_says_nothing(text: str) -> None:
    assert [item.value for item in objects_in(text) if item.value] == []


def test_what_is_too_deep_is_nothing() -> None:
    assert read_value("[" * 100_000) is None
    assert read_value("[" * 51 + "]" * 51) is None
    assert read_value("[" * 50 + "]" * 50) is not None
    objects_in('{"a":' * 100_000)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=250, deadline=None)
@given(st.dictionaries(st.text(), json_values, min_size=1, max_size=4), st.sampled_from([None, 2]), st.booleans())
def test_sound_json_reads_as_by_the_standard_library(value: dict[str, Any], indent: int | None, is_ascii: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=is_ascii)
    if "```" in text or "~~~" in text or "\u2028" in text:
        return
    (found,) = objects_in(text)
    assert found.value == json.loads(text)
    assert not found.is_damaged


@settings(max_examples=250, deadline=None)
@given(st.dictionaries(st.text('abc"\\é\n', min_size=1), json_values, min_size=1, max_size=4), st.integers(1, 200))
def test_what_stands_before_an_end_that_is_missing_is_read(value: dict[str, Any], cut: int) -> None:
    for found in objects_in(json.dumps(value)[:-cut]):
        assert found.is_damaged
        assert set(found.value) <= set(value)
        for key in list(found.value)[:-1]:
            assert found.value[key] == value[key]


PIECES = [*"{}[]:,\"'\\\n#", "//", "/*", "*/", "```\n", "a", "1", "0.5", "true", "\u201c", "\u2019", '{"a":', "e-", " "]


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=60).map("".join) | st.text())
def test_no_text_is_an_error(text: str) -> None:
    objects_in(text)
    read_value(text)


@pytest.mark.parametrize(
    "unit",
    [*PIECES, '{"a":1,', '{"a":[', "{'a", '{"a": "b" c', '{"a": /*', "{a:", '["', '{"a', "{ ", '{"": "\\', '"" '],
)
def test_the_time_is_linear(unit: str) -> None:
    def seconds(size: int) -> float:
        text = '{"k": ' + unit * (size // len(unit))
        times = []
        for _ in range(2):
            begin = time.process_time()
            objects_in(text)
            times.append(time.process_time() - begin)
        return min(times)

    assert seconds(160_000) < 8 * seconds(40_000) + 0.05  # four, if nothing else ran; quadratic is sixteen

"""What a foreign server says of its tools is untrusted: names, words and schemas are held to what ours are."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from kubeagentix.errors import UsageError
from kubeagentix.mcp_client.offers import MAX_NAME, MAX_SCHEMA, Tool, offers_of, schema_of
from kubeagentix.toolkit.arguments import check


def tool(name: str = "look", schema: Any = None, description: str = "Looks.", *, is_reading: bool = True) -> Tool:
    given = schema if schema is not None else {"type": "object"}
    return Tool(name=name, description=description, schema=given, is_reading=is_reading)


def offered(*tools: Tool, **patterns: Any) -> tuple[list[str], list[str]]:
    taken, refused = offers_of("small", tools, **{"allow": (), "deny": (), **patterns}, timeout_s=5)
    return [offer.spec.name for offer in taken], refused


def test_names_become_ones_that_every_model_can_write() -> None:
    names, refused = offered(tool("get-issue"), tool("search.all/now"), tool("x" * 100), tool("y" * 100))
    assert names[:2] == ["small__get_issue", "small__search_all_now"]
    assert all(len(name) <= MAX_NAME for name in names)
    assert len({*names}) == 4
    assert refused == []


def test_a_name_that_is_taken_or_has_no_letter_is_left_out_and_told() -> None:
    names, refused = offered(tool("a-b"), tool("a.b"), tool("--"))
    assert names == ["small__a_b"]
    assert refused == [
        "a.b: its name is that of a-b here",
        "--: its name has no letter that a model could write",
    ]


def test_words_are_one_line_and_not_long() -> None:
    taken, _ = offers_of(
        "small", [tool(description="A\n\x1b[2Jb\u200bc " + "d" * 5000)], allow=(), deny=(), timeout_s=5
    )
    words = taken[0].spec.description
    assert words.startswith("(Of the MCP server small.) A bc ddd")
    assert len(words) < 1100


def test_too_many_tools_are_refused_until_some_are_named() -> None:
    many = [tool(f"t{number}") for number in range(100)]
    with pytest.raises(UsageError, match="offers 100 tools"):
        offered(*many)
    assert len(offered(*many, allow=("t1*",))[0]) == 11


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ([], "no JSON Schema of an object"),
        ({"type": "array"}, "no JSON Schema of an object"),
        ({"type": "object", "properties": {"a": {"type": "nonsense"}}}, "its schema is none"),
        ({"type": "object", "properties": {"a": 3}}, "something that is no schema"),
        ({"type": "object", "properties": {"a": {"$ref": "http://127.0.0.1:9/x.json"}}}, "refers to 'http"),
        ({"type": "object", "properties": {"a": {"$ref": "#/$defs/Nobody"}}}, "refers to '#/"),
        ({"type": "object", "properties": {"a": {"$ref": "file:///etc/passwd"}}}, "refers to 'file"),
        ({"type": "object", "description": "x" * MAX_SCHEMA}, "characters"),
    ],
    ids=str,
)
def test_a_schema_that_cannot_be_used_is_left_out_and_told(schema: Any, why: str) -> None:
    names, refused = offered(tool("odd", schema), tool("even"))
    assert names == ["small__even"]
    assert refused[0].startswith("odd: ")
    assert why in refused[0]


def test_a_schema_that_is_too_deep_is_left_out() -> None:
    schema: dict[str, Any] = {}
    for _ in range(30):
        schema = {"type": "object", "properties": {"a": schema}}
    assert "deep" in offered(tool("odd", schema))[1][0]


def test_what_would_run_for_ever_or_lead_away_is_taken_out() -> None:
    given = {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "$id": "http://127.0.0.1:9/",
        "type": "object",
        "properties": {
            "pattern": {"type": "string", "pattern": "(a+)+$"},
            "kind": {"$ref": "#/$defs/Kind"},
            "any": True,
        },
        "patternProperties": {"(a+)+$": {}},
        "$defs": {"Kind": {"enum": ["a", "b"], "description": "Which."}},
        "required": ["pattern", "nobody"],
    }
    found = schema_of(given)
    assert found == {
        "type": "object",
        "properties": {"pattern": {"type": "string"}, "kind": {"$ref": "#/$defs/Kind"}, "any": {}},
        "$defs": {"Kind": {"enum": ["a", "b"], "description": "Which."}},
        "required": ["pattern"],
    }
    Draft202012Validator.check_schema(found)


def test_arguments_are_checked_by_it_as_those_of_our_own_tools() -> None:
    schema = {
        "type": "object",
        "properties": {"n": {"type": "integer"}, "list": {"type": "array", "items": True}},
        "required": ["n"],
        "additionalProperties": False,
    }
    taken, _ = offers_of("small", [tool("count", schema, is_reading=False)], allow=(), deny=(), timeout_s=5)
    spec = taken[0].spec
    assert spec.effect == "write"
    assert check(spec, {"n": "3", "list": [1, "a"]}) == {"n": 3, "list": [1, "a"]}
    for wrong in ({}, {"n": "x"}, {"n": 1, "more": 2}):
        with pytest.raises(UsageError):
            check(spec, wrong)

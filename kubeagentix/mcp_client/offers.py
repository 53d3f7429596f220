"""The tools of a foreign server, held to what ours are: names, schemas, sizes. What does not fit is left out, and told.

A server is untrusted: its words reach a model, and its schemas are used to check arguments. So neither can be long, no
schema leads out of itself (jsonschema would fetch what it refers to), and none holds a pattern that could run for ever.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from kubeagentix.domain.tooling import ToolSpec
from kubeagentix.errors import UsageError, excerpt
from kubeagentix.recognition.spans import visible

MAX_TOOLS = 64  # of one server: each costs a model's window its description
MAX_NAME = 53  # with mcp__kube__ before it, which Claude Code adds, the 64 that every model's API takes
MAX_DESCRIPTION = 1_000
MAX_WORDS = 300  # of one description within a schema
MAX_SCHEMA = 20_000  # characters of JSON
MAX_DEPTH = 12
_OF_SCHEMAS = ("properties", "$defs", "definitions", "dependentSchemas")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_SCHEMAS = ("items", "additionalProperties", "contains", "not", "if", "then", "else", "propertyNames")
_KEPT = (
    *("type", "enum", "const", "default", "examples", "title", "required", "format", "$ref"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    *("minLength", "maxLength", "minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A tool of a server: how the server calls it, and how it is offered here."""

    name: str
    spec: ToolSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """What a server says of one of its tools."""

    name: str
    description: str
    schema: Any
    is_reading: bool


def offers_of(
    server: str, tools: Sequence[Tool], *, allow: Sequence[str], deny: Sequence[str], timeout_s: float
) -> tuple[list[Offer], list[str]]:
    """(those that are taken, why others are not). Raises UsageError for a pattern that fits none, and for too many."""
    for pattern in (*allow, *deny):
        if not any(fnmatchcase(tool.name, pattern) for tool in tools):
            hint = f"its tools are {excerpt(', '.join(tool.name for tool in tools), 200) or 'none'}"
            raise UsageError(f"{server} has no tool {excerpt(repr(pattern), 60)}", hint=hint)
    wanted = [tool for tool in tools if not _is_any(tool.name, deny) and (not allow or _is_any(tool.name, allow))]
    if len(wanted) > MAX_TOOLS:
        hint = 'name some, as in allow=("search_*",)'
        raise UsageError(f"{server} offers {len(wanted)} tools, which would fill a model's window", hint=hint)
    taken: dict[str, Offer] = {}
    refused: list[str] = []
    for tool in wanted:
        try:
            offer = _offer(server, tool, timeout_s)
            if offer.spec.name in taken:
                raise UsageError(f"its name is that of {taken[offer.spec.name].name} here")
        except UsageError as error:
            refused.append(f"{excerpt(tool.name, 60)}: {error}")
        else:
            taken[offer.spec.name] = offer
    return list(taken.values()), refused


def _is_any(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _offer(server: str, tool: Tool, timeout_s: float) -> Offer:
    words = excerpt(visible(tool.description), MAX_DESCRIPTION) or "It says nothing of itself."
    spec = ToolSpec(
        name=_name(server, tool.name),
        description=f"(Of the MCP server {server}.) {words}",
        parameters=schema_of(tool.schema),
        effect="read" if tool.is_reading else "write",
        timeout_s=timeout_s,
    )
    return Offer(name=tool.name, spec=spec)


def _name(server: str, name: str) -> str:
    bare = re.sub(r"[^a-zA-Z0-9_]", "_", name)
    if not bare.strip("_"):
        raise UsageError("its name has no letter that a model could write")
    whole = f"{server}__{bare}"
    if len(whole) > MAX_NAME:
        digest = hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:8]
        whole = f"{whole[: MAX_NAME - 9]}_{digest}"
    return whole


def schema_of(given: Any) -> dict[str, Any]:
    """A schema as it may be used here. Raises UsageError for one that cannot be."""
    from jsonschema import Draft202012Validator  # noqa: PLC0415  takes long to import
    from jsonschema.exceptions import SchemaError  # noqa: PLC0415

    if not isinstance(given, Mapping) or given.get("type", "object") != "object":
        raise UsageError("its parameters are no JSON Schema of an object")
    try:
        size = len(json.dumps(given))
    except (ValueError, TypeError, RecursionError) as error:
        raise UsageError("its schema is no JSON") from error
    if size > MAX_SCHEMA:
        raise UsageError(f"its schema has {size:,} characters; {MAX_SCHEMA:,} are taken")
    found: dict[str, Any] = {**_bare(given, 0), "type": "object"}
    found.setdefault("properties", {})
    found["required"] = [name for name in found.get("required", ()) if name in found["properties"]]
    try:
        Draft202012Validator.check_schema(found)
    except (SchemaError, RecursionError) as error:
        raise UsageError(f"its schema is none: {excerpt(getattr(error, 'message', 'it is too deep'), 120)}") from error
    for reference in _references(found):
        if not _leads_somewhere(found, reference):
            raise UsageError(f"its schema refers to {excerpt(reference, 80)!r}, which is not in it")
    return found


def _bare(schema: Any, depth: int) -> Any:
    """What of a schema is known and harmless; what a server checks by a pattern it goes on checking itself."""
    if depth > MAX_DEPTH:
        raise UsageError(f"its schema is more than {MAX_DEPTH} deep")
    if isinstance(schema, bool):
        return {} if schema else {"not": {}}
    if not isinstance(schema, Mapping):
        raise UsageError("its schema holds something that is no schema")
    found: dict[str, Any] = {key: schema[key] for key in _KEPT if key in schema}
    if isinstance(schema.get("description"), str):
        found["description"] = excerpt(visible(schema["description"]), MAX_WORDS)
    for key in _OF_SCHEMAS:
        if isinstance(schema.get(key), Mapping):
            found[key] = {str(name): _bare(item, depth + 1) for name, item in schema[key].items()}
    for key in _LISTS:
        if isinstance(schema.get(key), list):
            found[key] = [_bare(item, depth + 1) for item in schema[key]]
    for key in _SCHEMAS:
        if key in schema:
            is_kept = key == "additionalProperties" and isinstance(schema[key], bool)
            found[key] = schema[key] if is_kept else _bare(schema[key], depth + 1)
    return found


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if "$ref" in value:
            yield str(value["$ref"])
        for item in value.values():
            yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)


def _leads_somewhere(schema: Mapping[str, Any], reference: str) -> bool:
    match = re.fullmatch(r"#/(\$defs|definitions)/([\w.-]+)", reference)
    return reference == "#" or (match is not None and match[2] in schema.get(match[1], {}))

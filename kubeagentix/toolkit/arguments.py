"""A model's arguments, held against a tool's schema: defaults filled in, harmless slips mended, the rest told.

Weak models write `"5"` for 5, `null` for what they leave out, and JSON as a text. What can only have been meant in one
way is taken so; anything else is refused with a message that says what to write instead.
"""

from __future__ import annotations

import asyncio
import difflib
import json
import threading
from collections.abc import Mapping
from typing import Any

from kubeagentix.domain.tooling import JsonSchema, ToolSpec
from kubeagentix.errors import UsageError, excerpt

_ABSENT = object()
_TRUE, _FALSE = ("true", "yes", "1"), ("false", "no", "0")
_is_loaded = threading.Event()


def load_soon() -> None:
    """Begins to import what checks arguments, so that no call has to wait for it, nor the loop.

    Beside Jupyter it takes two seconds: `rfc3987-syntax`, which comes with it, compiles its grammars when jsonschema
    imports it.
    """
    if not _is_loaded.is_set():
        threading.Thread(target=_load, name="kubeagentix-import", daemon=True).start()


async def loaded() -> None:
    """Waits until arguments can be checked; the loop goes on meanwhile."""
    if not _is_loaded.is_set():
        await asyncio.to_thread(_load)


def _load() -> None:
    import jsonschema  # noqa: F401, PLC0415  see load_soon

    _is_loaded.set()


def check(spec: ToolSpec, arguments: Any) -> dict[str, Any]:
    """The arguments as the tool's handler takes them. Raises UsageError that tells the model what to correct."""
    given = _object(spec, arguments)
    properties: Mapping[str, JsonSchema] = spec.parameters.get("properties", {})
    required = spec.parameters.get("required", ())
    meant = {
        name: _mended(properties.get(name, {}), value)
        for name, value in given.items()
        if not _is_left_out(value, properties.get(name), is_required=name in required)
    }
    _refuse_unknown(spec, meant)
    for name in required:
        if meant.get(name, _ABSENT) in (_ABSENT, ""):
            raise UsageError(f"{spec.name} needs `{name}`{_told(properties[name])}", hint=signature(spec))
    _validate(spec, meant)
    defaults = {name: schema["default"] for name, schema in properties.items() if "default" in schema}
    return {**defaults, **meant}


def signature(spec: ToolSpec) -> str:
    """How a tool is called, on one line: `pod_logs(pod: string, container?: string)`."""
    required = spec.parameters.get("required", ())
    parts = (
        f"{name}{'' if name in required else '?'}: {_type_in_words(schema)}"
        for name, schema in spec.parameters.get("properties", {}).items()
    )
    return f"call it as {spec.name}({', '.join(parts)})"


def _object(spec: ToolSpec, arguments: Any) -> dict[str, Any]:
    if isinstance(arguments, str):
        arguments = _from_json(arguments) if arguments.strip() else {}
    if arguments is None:
        return {}
    if not isinstance(arguments, Mapping):
        raise UsageError(f"the arguments of {spec.name} are no JSON object", hint=signature(spec))
    return dict(arguments)


def _is_left_out(value: Any, schema: JsonSchema | None, *, is_required: bool) -> bool:
    """Whether a value stands for nothing: null where null is not meant, an empty text where a default would do."""
    if value is None:
        return schema is None or "null" not in _types(schema)
    return value == "" and not is_required and (schema is None or _types(schema) != ("string",) or "enum" in schema)


def _mended(schema: JsonSchema, value: Any) -> Any:
    if "anyOf" in schema:
        return _mended_as_any(schema["anyOf"], value)
    if "enum" in schema and value not in schema["enum"]:
        alike = [item for item in schema["enum"] if str(item).lower() == str(value).strip().lower()]
        return alike[0] if alike else value
    for name in _types(schema):
        mended = _MENDERS[name](value) if name in _MENDERS else value
        if mended is not value:
            value = mended
            break
    if isinstance(value, dict):
        inner = schema.get("properties", {})
        return {key: _mended(inner.get(key, {}), item) for key, item in value.items()}
    if isinstance(value, list):
        return [_mended(schema.get("items") or {}, item) for item in value]
    return value


def _mended_as_any(schemas: list[JsonSchema], value: Any) -> Any:
    for schema in schemas:
        mended = _mended(schema, value)
        if _is_valid(schema, mended):
            return mended
    return value


def _types(schema: JsonSchema) -> tuple[str, ...]:
    if "anyOf" in schema:
        return tuple(name for item in schema["anyOf"] for name in _types(item))
    named = schema.get("type", ())
    return (named,) if isinstance(named, str) else tuple(named)


def _to_text(value: Any) -> Any:
    if isinstance(value, str):
        return value.strip() if value.strip() != value else value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return str(value) if isinstance(value, int | float) else value


def _to_integer(value: Any) -> Any:
    number = _to_number(value)
    if isinstance(number, float) and number.is_integer():
        return int(number)
    return number if isinstance(number, int) else value


def _to_number(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    for kind in (int, float):
        try:
            return kind(value.strip())
        except ValueError:
            continue
    return value


def _to_boolean(value: Any) -> Any:
    word = str(value).strip().lower()
    if isinstance(value, bool) or word not in _TRUE + _FALSE:
        return value
    return word in _TRUE


def _to_object(value: Any) -> Any:
    parsed = _from_json(value) if isinstance(value, str) else value
    return parsed if isinstance(parsed, dict) else value


def _to_list(value: Any) -> Any:
    if isinstance(value, list):
        return value
    parsed = _from_json(value) if isinstance(value, str) else value
    return parsed if isinstance(parsed, list) else [value]


_MENDERS = {
    "string": _to_text,
    "integer": _to_integer,
    "number": _to_number,
    "boolean": _to_boolean,
    "object": _to_object,
    "array": _to_list,
}


def _from_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _refuse_unknown(spec: ToolSpec, arguments: Mapping[str, Any]) -> None:
    known = spec.parameters.get("properties", {})
    for name in arguments:
        if name not in known and not spec.parameters.get("additionalProperties", True):
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f"did you mean `{near[0]}`? {signature(spec)}" if near else signature(spec)
            raise UsageError(f"{spec.name} has no argument `{excerpt(name, 60)}`", hint=hint)


def _validate(spec: ToolSpec, arguments: Mapping[str, Any]) -> None:
    from jsonschema import Draft202012Validator  # noqa: PLC0415  see load_soon
    from jsonschema.exceptions import best_match  # noqa: PLC0415

    error = best_match(Draft202012Validator(spec.parameters).iter_errors(arguments))
    if error is not None:
        where = ".".join(str(part) for part in error.absolute_path)
        named = f"`{where}` of {spec.name}" if where else spec.name
        raise UsageError(f"{named}: {excerpt(error.message, 200)}", hint=signature(spec))


def _is_valid(schema: JsonSchema, value: Any) -> bool:
    from jsonschema import Draft202012Validator  # noqa: PLC0415  see load_soon

    return Draft202012Validator(schema).is_valid(value)


def _told(schema: JsonSchema) -> str:
    return f" ({excerpt(schema['description'], 120)})" if schema.get("description") else ""


def _type_in_words(schema: JsonSchema) -> str:
    if "enum" in schema:
        return "|".join(str(item) for item in schema["enum"])
    if "anyOf" in schema:
        return "|".join(_type_in_words(item) for item in schema["anyOf"])
    return "|".join(_types(schema)) or "any"

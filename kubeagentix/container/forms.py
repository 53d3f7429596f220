"""The form in which kubectl reads a cluster, a context or a user: in another one it refuses the whole file.

Numbers become the texts that kubectl wants; what cannot be mended is an error that never quotes a value.
Source: client-go, tools/clientcmd/api/v1/types.go
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

_TEXTS = {
    "clusters": ("server", "tls-server-name", "certificate-authority", "proxy-url"),
    "contexts": ("cluster", "user", "namespace"),
    "users": ("client-certificate", "client-key", "token", "tokenFile", "as", "as-uid", "username", "password"),
}
_SWITCHES = ("insecure-skip-tls-verify", "disable-compression")


def checked(section: str, value: Any) -> dict[str, Any]:
    """The entry without empty values, in that form. Raises ValueError."""
    entry = {key: item for key, item in _map("entry", value).items() if item not in (None, "")}
    for key, item in entry.items():
        if key in _TEXTS[section]:
            entry[key] = _text(key, item)
        elif key.endswith("-data"):
            entry[key] = _base64(key, item)
        elif key in _SWITCHES and not isinstance(item, bool):
            raise ValueError(f"its {key} is neither true nor false")
        elif key in _NESTED:
            entry[key] = _NESTED[key](key, item)
    return entry


def _map(key: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"its {key} has no fields")
    return {str(name): item for name, item in value.items()}


def _list(key: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"its {key} is no list")
    return value


def _text(key: str, value: Any) -> str:
    if isinstance(value, dict | list | bytes):
        raise ValueError(f"its {key} is no text")
    return str(value)


def _texts(key: str, value: Any) -> list[str]:
    return [_text(key, item) for item in _list(key, value)]


def _base64(key: str, value: Any) -> str:
    text = "".join(str(value).split())
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"its {key} is not base64") from error
    return text


def _extra(key: str, value: Any) -> dict[str, list[str]]:
    return {name: _texts(key, item) for name, item in _map(key, value).items()}


def _provider(key: str, value: Any) -> dict[str, Any]:
    whole = _map(key, value)
    settings = {name: _text(key, item) for name, item in _map(key, whole.get("config") or {}).items()}
    return {"name": _text(key, whole.get("name") or ""), **({"config": settings} if settings else {})}


def _extensions(key: str, value: Any) -> list[dict[str, Any]]:
    named = [_map(key, item) for item in _list(key, value)]
    return [{**item, "name": _text(key, item.get("name") or "")} for item in named]


def _exec(key: str, value: Any) -> dict[str, Any]:
    whole = {name: item for name, item in _map(key, value).items() if item is not None or name == "env"}
    for name in ("apiVersion", "command", "installHint", "interactiveMode"):
        if name in whole:
            whole[name] = _text(f"{key}.{name}", whole[name])
    if not whole.get("command"):
        raise ValueError(f"its {key} has no command")
    if "args" in whole:
        whole["args"] = _texts(f"{key}.args", whole["args"])
    if whole.get("env") is not None:
        variables = [_map(f"{key}.env", item) for item in _list(f"{key}.env", whole["env"])]
        whole["env"] = [{name: _text(f"{key}.env", text) for name, text in item.items()} for item in variables]
    if not isinstance(whole.get("provideClusterInfo", False), bool):
        raise ValueError(f"its {key}.provideClusterInfo is neither true nor false")
    return whole


_NESTED = {
    "as-groups": _texts,
    "as-user-extra": _extra,
    "auth-provider": _provider,
    "extensions": _extensions,
    "exec": _exec,
}

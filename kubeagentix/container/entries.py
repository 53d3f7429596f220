"""One cluster, context or user of a kubeconfig: of the form that kubectl reads, with its files embedded.

A `tokenFile` stays a file, by its path here: tokens in files are renewed, and kubectl reads them again each minute.
"""

from __future__ import annotations

import base64
import binascii
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubeagentix.container.notes import Note, problem
from kubeagentix.container.places import Homes
from kubeagentix.container.reading import read, reason, where_to_mount

# The form of the fields that kubectl refuses in another one, by section. Source: client-go, tools/clientcmd/api/v1
_TEXTS = {
    "clusters": ("server", "tls-server-name", "certificate-authority", "proxy-url"),
    "contexts": ("cluster", "user", "namespace"),
    "users": ("client-certificate", "client-key", "token", "tokenFile", "as", "as-uid", "username", "password"),
}
_SWITCHES = ("insecure-skip-tls-verify", "disable-compression")
_FORMS: tuple[tuple[str, type, str], ...] = (
    ("as-groups", list, "list"),
    ("extensions", list, "list"),
    ("as-user-extra", dict, "map"),
    ("auth-provider", dict, "map"),
    ("exec", dict, "map"),
)
_EMBEDDED = {"clusters": ("certificate-authority",), "users": ("client-certificate", "client-key")}
_GONE = ("gcp", "azure")  # auth providers that kubectl no longer has


def checked(section: str, value: Any) -> dict[str, Any]:
    """The entry without empty values, in the form that kubectl reads. Raises ValueError, which never quotes a value."""
    if not isinstance(value, dict):
        raise ValueError("it has no fields")
    entry = {str(key): item for key, item in value.items() if item not in (None, "")}
    for key in entry.keys() & set(_TEXTS[section]):
        entry[key] = _as_text(key, entry[key])
    for key in entry.keys() & set(_SWITCHES):
        if not isinstance(entry[key], bool):
            raise ValueError(f"its {key} is neither true nor false")
    for key, form, word in _FORMS:
        if key in entry and not isinstance(entry[key], form):
            raise ValueError(f"its {key} is no {word}")
    for key in (key for key in entry if key.endswith("-data")):
        entry[key] = _as_base64(key, entry[key])
    if "exec" in entry:
        entry["exec"] = _checked_exec(entry["exec"])
    return entry


def _as_text(key: str, value: Any) -> str:
    if isinstance(value, dict | list | bytes):
        raise ValueError(f"its {key} is no text")
    return str(value)


def _as_base64(key: str, value: Any) -> str:
    text = "".join(str(value).split())
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"its {key} is not base64") from error
    return text


def _checked_exec(spec: Mapping[str, Any]) -> dict[str, Any]:
    whole = dict(spec)
    for key in ("apiVersion", "command", "installHint", "interactiveMode"):
        if whole.get(key) is not None:
            whole[key] = _as_text(f"exec.{key}", whole[key])
    arguments, variables = whole.get("args"), whole.get("env")
    if not whole.get("command") or not isinstance(arguments, list | None) or not isinstance(variables, list | None):
        raise ValueError("its exec has no command, or args or env that are no lists")
    if arguments:
        whole["args"] = [_as_text("exec.args", item) for item in arguments]
    if variables:
        if not all(isinstance(item, dict) for item in variables):
            raise ValueError("its exec.env holds something without a name")
        whole["env"] = [{str(key): _as_text("exec.env", text) for key, text in item.items()} for item in variables]
    if not isinstance(whole.get("provideClusterInfo", False), bool):
        raise ValueError("its exec.provideClusterInfo is neither true nor false")
    return whole


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The folder of the file that entries stand in, whose paths they name, and where to note what is missing."""

    folder: Path
    homes: Homes
    notes: list[Note]


def embedded(section: str, name: str, entry: dict[str, Any], around: Surroundings) -> dict[str, Any]:
    """The entry with its certificates, keys and authorities in it, and other paths as they are here."""
    whole = dict(entry)
    for key in _EMBEDDED.get(section, ()):
        if f"{key}-data" in whole:
            whole.pop(key, None)  # the data goes before the file, and kubectl refuses to flatten both
        elif key in whole:
            _embed(whole, key, f"{section.removesuffix('s')} {name!r}", around)
    if "tokenFile" in whole:
        _keep_token_file(whole, name, around)
    if "exec" in whole:
        whole["exec"] = {**whole["exec"], "command": _command(whole["exec"]["command"], around)}
    provider = whole.get("auth-provider", {}).get("name")
    if provider in _GONE:
        text = f"user {name!r} logs in by the auth provider {provider!r}, which kubectl no longer has"
        around.notes.append(problem(text, "get a new kubeconfig with an exec plugin or a token"))
    return whole


def _embed(whole: dict[str, Any], key: str, whose: str, around: Surroundings) -> None:
    path = around.homes.here(whole[key], around.folder)
    try:
        whole[f"{key}-data"] = base64.b64encode(read(path)).decode()
        del whole[key]
    except OSError as error:
        written, whole[key] = whole[key], str(path)
        text = f"the {key} of {whose}, {written}, {reason(error, path)}"
        around.notes.append(problem(text, where_to_mount(path, error)))


def _keep_token_file(whole: dict[str, Any], name: str, around: Surroundings) -> None:
    path = around.homes.here(whole["tokenFile"], around.folder)
    written, whole["tokenFile"] = whole["tokenFile"], str(path)
    try:
        read(path)
    except OSError as error:
        text = f"the token file of user {name!r}, {written}, {reason(error, path)}"
        around.notes.append(problem(text, where_to_mount(path, error)))


def _command(written: str, around: Surroundings) -> str:
    """A path as it is here; the bare name where only that is to be found, as the host has it in another folder."""
    if "/" not in written and "\\" not in written:
        return written
    path = around.homes.here(written, around.folder)
    bare = written.replace("\\", "/").rpartition("/")[2].removesuffix(".exe")
    return bare if not os.access(path, os.X_OK) and shutil.which(bare) else str(path)

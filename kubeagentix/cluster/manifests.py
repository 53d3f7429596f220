"""A manifest, as a file of the workspace or as a text: read once, and what it holds by kind and name.

What goes on from here is JSON written from what was read, so that neither another parser nor another moment sees
something else in it.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from kubeagentix.cluster.foreign_yaml import ForeignLoader, ForeignYamlError, load_all
from kubeagentix.cluster.kubectl_changes import NamedObject, named_object
from kubeagentix.errors import UsageError, excerpt

MAX_BYTES = 128 << 10  # what a person can look at before saying yes; PyYAML reads it in a second or two
MAX_OBJECTS = 20
MAX_DEPTH = 3  # of lists in lists


class _Loader(ForeignLoader):
    """Reads dates and times of day as the texts that they are to kubectl."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in found if tag not in ("tag:yaml.org,2002:timestamp",)]
        for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a file holds. `text` is the same as JSON, which every parser reads alike."""

    path: Path
    objects: tuple[NamedObject, ...]
    text: str


def read(names: Sequence[str], workspace: Path | None) -> Manifest:
    """The one manifest that is named. Raises UsageError where it is none, or not one of the workspace."""
    if not names:
        raise UsageError("no manifest is named", hint="as in -f manifest.yaml")
    if len(names) > 1 or "," in names[0]:
        raise UsageError("one manifest at a time", hint="one call for each")
    path = _inside(names[0], workspace)
    documents = [*_objects(_parsed(path))]
    if not 1 <= len(documents) <= MAX_OBJECTS:
        raise UsageError(
            f"{excerpt(names[0], 80)} holds {len(documents)} objects", hint=f"1 to {MAX_OBJECTS} at a time"
        )
    objects = tuple(_named(document) for document in documents)
    return Manifest(path=path, objects=objects, text=_written(path, documents))


def objects_in(text: str) -> tuple[Mapping[str, Any], ...]:
    """The objects of a manifest that is given as a text, each with a name. Raises UsageError."""
    path = Path("the manifest")
    documents = [*_objects(_documents(text, path))]
    if not 1 <= len(documents) <= MAX_OBJECTS:
        raise UsageError(f"{path} holds {len(documents)} objects", hint=f"1 to {MAX_OBJECTS} at a time")
    for document in documents:
        _named(document)  # which no model may change, perhaps
    return tuple(json.loads(_written(path, [document])) for document in documents)


def _written(path: Path, documents: Sequence[Any]) -> str:
    content = documents[0] if len(documents) == 1 else {"apiVersion": "v1", "kind": "List", "items": documents}
    text, size = [], 0
    try:
        for chunk in json.JSONEncoder(ensure_ascii=False, allow_nan=False).iterencode(content):
            text.append(chunk)
            size += len(chunk)
            if size > MAX_BYTES:  # a few lines of YAML can stand for terabytes
                raise UsageError(f"{path.name} stands for more than {MAX_BYTES:,} characters")
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"{path.name} is no manifest: it holds what JSON cannot") from error
    return "".join(text)


def _inside(name: str, workspace: Path | None) -> Path:
    if name == "-":
        raise UsageError("-f - reads standard input, and there is none", hint="name a file of the workspace")
    if "://" in name or name.startswith(("~", "git@")):
        raise UsageError(
            f"-f {excerpt(name, 80)} is no file of the workspace", hint="nothing is fetched from elsewhere"
        )
    if workspace is None:
        raise UsageError("this run has no workspace to take manifests from", hint="use patch, set, scale or create …")
    root = workspace.resolve()
    try:
        path = (root / name).resolve(strict=True)
        is_file = stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: links in a circle, before Python 3.13
        raise UsageError(f"-f {excerpt(name, 80)} cannot be read: there is no such file in the workspace") from error
    if not path.is_relative_to(root):
        raise UsageError(f"-f {excerpt(name, 80)} leads out of the workspace", hint="name a file that lies in it")
    if not is_file:
        raise UsageError(f"-f {excerpt(name, 80)} is no file", hint="one file at a time")
    return path


def _parsed(path: Path) -> list[Any]:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        return _documents(content.decode(), path)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path.name} is no manifest: it cannot be read") from error


def _documents(text: str, path: Path) -> list[Any]:
    if len(text) > MAX_BYTES:
        raise UsageError(f"{path.name} is larger than {MAX_BYTES:,} bytes", hint="split it up")
    try:
        return [item for item in load_all(text, _Loader) if item is not None]
    except ForeignYamlError as error:
        line = f" (line {error.line})" if error.line else ""
        raise UsageError(f"{path.name} is no manifest: it is not YAML{line}") from error


def _objects(documents: Sequence[Any], depth: int = 0) -> Iterator[Mapping[str, Any]]:
    if depth > MAX_DEPTH:  # by way of an alias a list can hold itself
        raise UsageError("the manifest holds lists in lists in lists", hint="leave the objects side by side")
    for document in documents:
        if not isinstance(document, Mapping) or not isinstance(document.get("kind"), str):
            raise UsageError(
                "the manifest holds something that is no object", hint="each has apiVersion, kind, metadata"
            )
        if isinstance(document.get("items"), list):
            yield from _objects(document["items"], depth + 1)
        else:
            yield document


def _named(document: Mapping[str, Any]) -> NamedObject:
    found = document.get("metadata")
    metadata = found if isinstance(found, Mapping) else {}
    name, namespace = metadata.get("name"), metadata.get("namespace") or ""
    if not isinstance(name, str) or not isinstance(namespace, str) or not name:
        raise UsageError(f"a {excerpt(document['kind'], 60)} of the manifest has no name", hint="an approval names it")
    return named_object(document["kind"], name, namespace)

"""The host's kubeconfig files as one document that stands alone: merged as kubectl does, files embedded.

What is missing, unreadable or of the wrong form is named and left out, so that the other contexts go on working:
kubectl reads none of a file in which one entry is wrong.
Source: https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kubeagentix.cluster.foreign_yaml import ForeignYamlError, load_all
from kubeagentix.container.entries import Surroundings, embedded
from kubeagentix.container.forms import checked
from kubeagentix.container.notes import KUBECONFIG, Note, counted, listed, problem
from kubeagentix.container.places import Homes, Source
from kubeagentix.container.reading import read, reason, where_to_mount
from kubeagentix.errors import excerpt

SECTIONS = ("clusters", "contexts", "users")
MAX_KUBECONFIG_BYTES = 16 << 20  # hundreds of contexts have one
Entries = dict[str, dict[str, Any]]


@dataclass(slots=True)
class Merged:
    """All entries by section and name, the files they came from, and what there is to say of them."""

    sections: dict[str, Entries] = field(default_factory=lambda: {section: {} for section in SECTIONS})
    current: str = ""
    files: list[Path] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    @property
    def clusters(self) -> Entries:
        """By name."""
        return self.sections["clusters"]

    @property
    def contexts(self) -> Entries:
        """By name."""
        return self.sections["contexts"]

    @property
    def users(self) -> Entries:
        """By name."""
        return self.sections["users"]

    def contexts_with(self, key: str, name: str) -> list[str]:
        """The contexts whose `cluster` or `user` is that one."""
        return [context for context, value in self.contexts.items() if value.get(key) == name]

    def document(self) -> dict[str, Any]:
        """As a kubeconfig."""
        named = {
            section: [{section.removesuffix("s"): value, "name": name} for name, value in entries.items()]
            for section, entries in self.sections.items()
        }
        return {"apiVersion": "v1", "kind": "Config", **named, "current-context": self.current}


def read_kubeconfigs(found: Sequence[Source], homes: Homes) -> Merged:
    """What those files hold together. Never fails: what is wrong stands in the notes."""
    merged = Merged()
    for source in found:
        _add(merged, source, homes)
    if merged.files:
        _note_dangling(merged)
        merged.notes.insert(0, _summary(merged))
    elif not merged.notes:
        merged.notes.append(_nothing_there(found))
    return merged


def _add(merged: Merged, source: Source, homes: Homes) -> None:
    path = source.path
    try:
        if stat.S_ISDIR(path.stat().st_mode):
            return merged.notes.append(_is_a_folder(source))
        document = _parse(path)
    except OSError as error:
        if error.errno == errno.ENOENT and not os.path.islink(path):  # noqa: PTH114  it shall not fail
            if source.is_of_host:  # one of our own KUBECONFIG may be missing, as for kubectl
                merged.notes.append(_not_mounted(source, homes))
            return None
        text = f"the kubeconfig {source.written} {reason(error, path)}"
        return merged.notes.append(problem(text, where_to_mount(path, error), about=KUBECONFIG))
    except ValueError as error:
        text = f"the kubeconfig {source.written} is none: {excerpt(str(error))}"
        return merged.notes.append(problem(text, "`kubectl config view` on the host should print it", about=KUBECONFIG))
    merged.files.append(path)
    merged.current = merged.current or _text(document.get("current-context"))
    around = Surroundings(path.parent.absolute(), homes, merged.notes)
    for section in SECTIONS:
        for name, value in _named(merged, source, document, section):
            if name not in merged.sections[section]:
                merged.sections[section][name] = embedded(section, name, value, around)
    return None


def _parse(path: Path) -> Mapping[str, Any]:
    """Raises OSError and ValueError."""
    try:
        documents = load_all(read(path, MAX_KUBECONFIG_BYTES).decode())
    except UnicodeDecodeError as error:
        raise ValueError("it is no text") from error
    except ForeignYamlError as error:
        raise ValueError(f"no YAML {error}" if error.line else f"no YAML: {error}") from error
    document = (documents[0] if documents else None) or {}
    if len(documents) > 1 or not isinstance(document, dict):
        raise ValueError("it holds more than one document" if len(documents) > 1 else "it holds no fields")
    if (kind := document.get("kind", "Config")) != "Config":
        is_kind = isinstance(kind, str) and kind.isalpha()
        raise ValueError(f"it is a {excerpt(kind, 80)}" if is_kind else "its kind is not Config")
    return document


def _named(
    merged: Merged, source: Source, document: Mapping[str, Any], section: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    entries = document.get(section) or []
    if not isinstance(entries, list):
        merged.notes.append(problem(f"`{section}` of {source.written} is no list and was left out"))
        return
    seen: set[str] = set()
    one = section.removesuffix("s")
    for entry in entries:
        name = _text(entry.get("name")) if isinstance(entry, dict) else ""
        value = (entry.get(one) or {}) if name else None
        try:
            if value is None:
                raise ValueError("it has no name")
            usable = checked(section, value)
        except ValueError as error:
            which = f"{one} {excerpt(name, 80)!r}" if name else f"a {one}"
            merged.notes.append(problem(f"{which} of {source.written} was left out: {error}", "get a new kubeconfig"))
            continue
        if name in seen:
            merged.notes.append(problem(f"{source.written} names the {one} {name!r} twice: the first one is taken"))
        seen.add(name)
        yield name, usable


def _text(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _note_dangling(merged: Merged) -> None:
    for name, context in merged.contexts.items():
        cluster, user = context.get("cluster", ""), context.get("user", "")
        if cluster not in merged.clusters:
            seen = f"names the cluster {cluster!r}, which is not there" if cluster else "names no cluster"
            merged.notes.append(problem(f"context {name!r} {seen}", "choose another, or get a new kubeconfig"))
        elif user and user not in merged.users:
            text = f"context {name!r} names the user {user!r}, which is not there"
            merged.notes.append(problem(text, "choose another, or get a new kubeconfig"))
    if merged.current and merged.current not in merged.contexts:
        text = f"the current-context {merged.current!r} is not there"
        merged.notes.append(problem(text, "choose one with --context (context= in Python)"))


def _summary(merged: Merged) -> Note:
    current = f"{merged.current!r} is current" if merged.current else "none is current"
    files = listed([str(path) for path in merged.files])
    return Note(f"kubeconfig: {counted(len(merged.contexts), 'context')} of {files}; {current}")


def _nothing_there(found: Sequence[Source]) -> Note:
    folder = found[0].path.parent
    is_empty = os.access(folder, os.R_OK | os.X_OK) and folder.is_dir() and not any(folder.iterdir())
    seen = f"{folder} is an empty folder, as Docker makes one" if is_empty else f"there is no {found[0].path}"
    return Note(f"no kubeconfig: {seen}", "the demo cluster needs none; for yours, mount the host's ~/.kube")


def _is_a_folder(source: Source) -> Note:
    if os.access(source.path, os.R_OK) and not any(source.path.iterdir()):
        text = f"no kubeconfig: {source.path} is an empty folder, as Docker makes one where the host has no such file"
        return Note(text, "the demo cluster needs none; for yours, mount the folder that holds the file")
    return problem(f"the kubeconfig {source.written} is a folder", "name a file in it", about=KUBECONFIG)


def _not_mounted(source: Source, homes: Homes) -> Note:
    is_below = source.path.is_relative_to(homes.ours)
    seen = "does not exist" if is_below else "is not in the container"
    hint = "check KUBECONFIG on the host" if is_below else "mount it at that path, or put it into ~/.kube on the host"
    return problem(f"the kubeconfig {source.written} of the host's KUBECONFIG {seen}", hint, about=KUBECONFIG)

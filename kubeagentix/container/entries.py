"""One cluster, context or user of a kubeconfig, with its certificates and keys embedded.

A `tokenFile` stays a file, by its path here: tokens in files are renewed, and kubectl reads them again each minute.
"""

from __future__ import annotations

import base64
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubeagentix.container.notes import Note, problem
from kubeagentix.container.places import Homes
from kubeagentix.container.reading import read, reason, where_to_mount

_EMBEDDED = {"clusters": ("certificate-authority",), "users": ("client-certificate", "client-key")}
_GONE = ("gcp", "azure")  # auth providers that kubectl no longer has


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

"""The exec plugins that a kubeconfig asks for, and which of them this image does not have."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from typing import Any

from kubeagentix.container.kubeconfigs import Merged
from kubeagentix.container.notes import Note, listed, problem


def missing_plugins(merged: Merged) -> list[Note]:
    """A note for each plugin that cannot be found, with the contexts that need it."""
    wanting: dict[str, list[str]] = {}
    for name, user in merged.users.items():
        spec = user.get("exec")
        if spec and not _is_found(spec):
            wanting.setdefault(spec["command"], []).extend(merged.contexts_with("user", name) or [f"user {name}"])
    return [_missing(command, contexts) for command, contexts in wanting.items()]


def _is_found(spec: Mapping[str, Any]) -> bool:
    variables = {item.get("name"): item.get("value") for item in spec.get("env") or ()}
    try:
        return shutil.which(spec["command"], path=variables.get("PATH")) is not None
    except ValueError:  # a NUL in it
        return False


def _missing(command: str, contexts: list[str]) -> Note:
    text = f"the exec plugin {os.path.basename(command)!r} is not in this image; it is needed by {listed(contexts)}"  # noqa: PTH119
    hint = "build an image of your own with it, or use a kubeconfig with a token (`kubectl create token`)"
    return problem(text, hint)

"""Whom and what a chat could ask: what its pickers offer, and what a pick does."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import kubeagentix as kx
from kubeagentix import api, registry
from kubeagentix.api import Source
from kubeagentix.cluster.connection import Cluster
from kubeagentix.cluster.kubeconfig import list_contexts
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.engine import probing
from kubeagentix.errors import KubeAgentiXError, UsageError, excerpt
from kubeagentix.notebook.choice import KubeAgentix
from kubeagentix.report.text import clean_line
from kubeagentix.settings import load_settings
from kubeagentix.toolkit.places import namespaces_in

NAMESPACES = "/api/v1/namespaces"
LISTED = 500  # names that are offered; others can be typed
TIMEOUT_S = 5.0  # for that list, without which it goes as well
HERE = "."  # stands for what is asked and is no context: a demo, a snapshot
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_MODEL = re.compile(r"[\w./:@+-]{1,120}")


def providers(choice: KubeAgentix) -> list[dict[str, str]]:
    """Every provider with its id, what it is called here, and its model; the first is for no choice."""
    settings = load_settings(os.environ)
    found = probing.statuses(registry.providers(), os.environ, settings.provider, settings.model)
    first = next((item.id for item in found if item.is_next), "")
    told = [{"id": "", "title": f"automatic ({first})" if first else "automatic", "model": ""}]
    for item in found:
        is_ready = item.is_configured or choice.credential_of(item.id) is not None
        title = item.id if is_ready else f"{item.id} (not configured)"
        told.append({"id": item.id, "title": title, "model": clean_line(item.model, 100)})
    return told


def contexts(source: Source | None) -> tuple[str, list[dict[str, str]]]:
    """The id of what is asked, and of all that could be, with what they are called."""
    known = []
    with suppress(KubeAgentiXError):  # no kubeconfig, or a damaged one: to ask will tell
        known = [*list_contexts()]
    offered = [{"id": item.name, "title": clean_line(item.name, 100)} for item in known]
    if source is None:
        return next((item.name for item in known if item.is_current), ""), offered
    if isinstance(source, Cluster) and any(item.name == source.context for item in known):
        return source.context, offered
    return HERE, [{"id": HERE, "title": called(source)}, *offered]


def called(source: Source | None) -> str:
    """What is asked, in a few words."""
    if isinstance(source, kx.Demo):
        return "demo cluster"
    if isinstance(source, Snapshot):
        return clean_line(f"snapshot of {source.cluster or 'a cluster'}", 100)
    return clean_line(source.context, 100) if source is not None else "the kubeconfig's context"


def has_ended(source: Source | None) -> bool:
    """Whether that is a demo which was stopped."""
    return isinstance(source, kx.Demo) and not Path(source.kubeconfig).exists()


async def namespaces(source: Source | None) -> list[str]:
    """The names of its namespaces; none where they cannot be listed, as they can be typed."""
    try:
        place = api.opened(source)
        if isinstance(place, Snapshot):
            return sorted(namespaces_in(place))[:LISTED]
        found = await place.get_json(NAMESPACES, timeout_s=TIMEOUT_S)
        return sorted(str(item["metadata"]["name"]) for item in found["items"])[:LISTED]
    except (KubeAgentiXError, KeyError, TypeError):
        return []


def picked(choice: KubeAgentix, what: str, value: str) -> None:
    """Makes a pick count, for all that this notebook asks. Raises UsageError for what cannot be picked."""
    if what == "provider":
        choice.use(value)
    elif what == "model" and (not value or _MODEL.fullmatch(value)):
        choice.model = value
    elif what == "namespace" and (not value or _NAME.fullmatch(value)):
        choice.namespace = value
    elif what == "context":
        kx.connect(context=value)
        choice.namespace = ""
    else:
        raise UsageError(f"{excerpt(value, 60)!r} is no {excerpt(what, 20)}", hint="pick one from the list")


def picture(choice: KubeAgentix, source: Source | None) -> dict[str, Any]:
    """The state of the pickers; the list of namespaces comes later."""
    context, offered = contexts(source)
    return {
        "providers": providers(choice),
        "provider": choice.provider,
        "model": choice.model,
        "contexts": offered,
        "context": context,
        "namespace": choice.namespace,
    }

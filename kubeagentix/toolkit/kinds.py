"""Which kind a model means: kubectl's spellings (`po`, `deploy`, `Deployments.apps`), and kinds that a cluster defines.

The kinds that this package reads are known without asking. Others are looked up in what the server offers.
"""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kubeagentix.cluster.connection import Cluster
from kubeagentix.contracts import ToolContext
from kubeagentix.domain.extensions import CustomResource
from kubeagentix.domain.resources import KINDS, Kind, custom_kind, find_kind
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.errors import ClusterError, UsageError, excerpt

KIND: Mapping[str, Any] = {
    "type": "string",
    "description": "The kind, as kubectl takes it: pod, deploy, svc, Deployment, certificates.cert-manager.io.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Offer:
    """One resource of the server's discovery."""

    kind: Kind
    words: frozenset[str]


async def kind_of(context: ToolContext, word: str) -> Kind:
    """The kind that `word` names. Raises UsageError with the nearest words."""
    name, _, group = word.strip().lower().partition(".")
    known = find_kind(name)
    if known is not None and _is_of_group(known, group):
        return known
    offers = await _offers(context)
    meant = [offer.kind for offer in offers if name in offer.words and _is_of_group(offer.kind, group)]
    if meant:
        return meant[0]
    words = {word for offer in offers for word in offer.words} | set(_known_words())
    near = difflib.get_close_matches(name, sorted(words), n=3, cutoff=0.6)
    hint = (
        f"did you mean {' or '.join(near)}?" if near else "such as pod, deployment, service, or kubectl api-resources"
    )
    raise UsageError(f"the cluster has no kind {excerpt(word, 60)!r}", hint=hint)


def split_name(kind_word: str, name: str) -> tuple[str, str]:
    """(kind, name) of `deploy/web` in either place; the kind is "" where none is told."""
    if "/" in name:
        prefix, _, name = name.partition("/")
        kind_word = prefix if not kind_word or find_kind(prefix) is not None else kind_word
    elif "/" in kind_word:
        kind_word, _, inner = kind_word.partition("/")
        name = name or inner
    return kind_word.strip(), name.strip()


def _known_words() -> Iterator[str]:
    for kind in KINDS.values():
        yield from (kind.name.lower(), kind.plural, *kind.short_names)


def _is_of_group(kind: Kind, group: str) -> bool:
    """Whether `Deployments.apps` or `deployments.v1.apps` can mean that kind."""
    return not group or group in (kind.group, *(f"{version}.{kind.group}" for version in kind.versions))


async def _offers(context: ToolContext) -> tuple[_Offer, ...]:
    if isinstance(context.source, Snapshot):
        return _of_picture(context.source)
    return await _of_server(context.source)


def _of_picture(snapshot: Snapshot) -> tuple[_Offer, ...]:
    types = {name: type(items[0]) for name, items in snapshot.objects.items() if items}
    return tuple(
        _offer(
            group=found.group,
            kind=name.removesuffix(f".{found.group}"),
            plural=f"{name.partition('.')[0].lower()}s",
            version="v1",
        )
        for name, found in types.items()
        if issubclass(found, CustomResource)
    )


def _offer(
    *, group: str, kind: str, plural: str, version: str, is_namespaced: bool = True, words: tuple[str, ...] = ()
) -> _Offer:
    made = custom_kind(group, kind, plural, version, is_namespaced=is_namespaced)
    return _Offer(kind=made, words=frozenset((kind.lower(), plural, *words)))


async def _of_server(cluster: Cluster) -> tuple[_Offer, ...]:
    groups = (await cluster.get_json("/apis")).get("groups") or []
    preferred = [(item["name"], item["preferredVersion"]["version"]) for item in groups]
    documents = await asyncio.gather(
        *(_resources(cluster, group, version) for group, version in (("", "v1"), *preferred))
    )
    return tuple(offer for found in documents for offer in found)


async def _resources(cluster: Cluster, group: str, version: str) -> tuple[_Offer, ...]:
    try:
        document = await cluster.get_json(f"/apis/{group}/{version}" if group else f"/api/{version}")
    except ClusterError:  # an aggregated API whose server is away must not hide the others
        return ()
    return tuple(
        _offer(
            group=group,
            kind=item["kind"],
            plural=item["name"],
            version=version,
            is_namespaced=item["namespaced"],
            words=(item.get("singularName") or item["kind"].lower(), *(item.get("shortNames") or ())),
        )
        for item in document.get("resources") or ()
        if "/" not in item["name"] and "list" in item.get("verbs", ())
    )

"""Where a tool looks: the live cluster or a saved picture, and in which namespace, if there is such a one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from kubeagentix.cluster.connection import Cluster
from kubeagentix.cluster.kubeconfig import nearest
from kubeagentix.cluster.snapshot import ReadOptions
from kubeagentix.contracts import ToolContext
from kubeagentix.domain.nodes import Namespace
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.errors import ApiError, NotFoundError, UsageError, excerpt

ALL = ("all", "*", "all-namespaces", "_all")  # how models say that they mean every namespace
DEADLINE_S = 25.0  # less than a tool has, so that what is late is a gap and not a failed call

NAMESPACE: Mapping[str, Any] = {
    "type": "string",
    "description": 'The namespace; "all" for every namespace. Left out: the one the conversation is about.',
}


def namespace_of(arguments: Mapping[str, Any], context: ToolContext, key: str = "namespace") -> str | None:
    """The namespace that is meant, None for all of them."""
    given = str(arguments.get(key) or "").strip().removeprefix("namespace/").removeprefix("ns/")
    if not given:
        return context.namespace
    return None if given.lower() in ALL else given


def one_namespace(arguments: Mapping[str, Any], context: ToolContext, key: str = "namespace") -> str:
    """The one namespace that is meant. Raises UsageError where that is not told."""
    namespace = namespace_of(arguments, context, key)
    if namespace is None:
        raise UsageError("this needs one namespace", hint=f"name it in `{key}`; list_namespaces shows them")
    return namespace


def live(context: ToolContext, what: str) -> Cluster:
    """The cluster that can be asked. Raises UsageError where there is only a saved picture."""
    if isinstance(context.source, Cluster):
        return context.source
    raise UsageError(f"{what} needs a live cluster, and this is a saved snapshot", hint="work from what it holds")


def cluster_name(context: ToolContext) -> str:
    """The name that references to objects carry."""
    return context.source.context if isinstance(context.source, Cluster) else context.source.cluster


def now_of(context: ToolContext) -> datetime:
    """The moment that ages count from: now, or when the picture was taken."""
    return context.source.taken_at if isinstance(context.source, Snapshot) else datetime.now(UTC)


async def picture(context: ToolContext, namespace: str | None, kinds: Iterable[str] | None = None) -> Snapshot:
    """A Snapshot of a namespace (None: all), of some kinds or all, without logs; a saved one is used as it is.

    Raises NotFoundError where there is no such namespace, or where a saved picture does not show it.
    """
    if isinstance(context.source, Snapshot):
        if namespace is not None and not holds(context.source, namespace):
            hint = nearest(namespace, namespaces_in(context.source), of="namespaces")
            raise NotFoundError(f"the snapshot does not hold namespace {excerpt(namespace, 63)!r}", hint=hint)
        return context.source
    chosen = frozenset(kinds) if kinds is not None else None
    options = ReadOptions(with_logs=False, kinds=chosen, deadline_s=DEADLINE_S)
    snapshot: Snapshot = await context.source.read_snapshot(namespace, options=options)
    return snapshot


# What relations within a namespace are read from.
_RELATED = (
    *("Pod", "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob", "Service", "EndpointSlice"),
    *("ConfigMap", "Secret", "Ingress", "NetworkPolicy", "PersistentVolumeClaim", "Event", "HorizontalPodAutoscaler"),
)


def not_read(snapshot: Snapshot) -> list[str]:
    """A line about kinds with a part in relations that could not be read: silence about them is no absence."""
    names = sorted({gap.kind for gap in snapshot.gaps if gap.kind in _RELATED})
    return [f"(could not be read, so nothing is known of them: {', '.join(names)})"] if names else []


def namespaces_in(snapshot: Snapshot) -> set[str]:
    """The namespaces of which a picture holds something."""
    if snapshot.namespace is not None:
        return {snapshot.namespace, *snapshot.neighbours}
    held = {item.namespace for items in snapshot.objects.values() for item in items if item.namespace}
    return held | {item.name for item in snapshot.all(Namespace)}


def holds(snapshot: Snapshot, namespace: str) -> bool:
    """Whether a picture shows that namespace."""
    return namespace in namespaces_in(snapshot)


async def require_namespace(context: ToolContext, namespace: str | None) -> None:
    """Raises NotFoundError, with the nearest names, where there is no such namespace."""
    if namespace is None:
        return
    if isinstance(context.source, Snapshot):
        await picture(context, namespace)
        return
    try:
        await context.source.get_json(f"/api/v1/namespaces/{checked_name(namespace)}")
    except ApiError as error:
        if error.status != 404:
            raise
        known = (await picture(context, None, (Namespace.kind,))).all(Namespace)
        hint = nearest(namespace, (item.name for item in known), of="namespaces")
        raise NotFoundError(f"there is no namespace {excerpt(namespace, 63)!r}", hint=hint) from error


def checked_name(name: str) -> str:
    """A name that may stand in a URL's path. Raises UsageError for one that no object can have."""
    if not name or len(name) > 253 or not all(char.isalnum() or char in "-._:" for char in name) or ".." in name:
        raise UsageError(f"{excerpt(name, 60)!r} is no name of an object", hint="see list_resources for names")
    return name

"""Whether a change of an object matters to any analyzer: much that is written is bookkeeping of others.

What analyzers look up in the annotations of pods, workloads and nodes stands under Kubernetes' own domains (a test
reads along); of who wrote when only the last write of a person counts. A node's heartbeat alone matters to those who
look through all nodes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from kubeagentix.cluster.live_objects import ObjectChange
from kubeagentix.domain.meta import Condition, Metadata, Resource, TrackedResource
from kubeagentix.domain.nodes import Node

QUIET = frozenset(
    ("Pod", "Node", "ReplicaSet", "ReplicationController", "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob")
)
DOMAINS = ("kubernetes.io", "k8s.io")


def matters(change: ObjectChange) -> bool:
    """Whether anything differs that an analyzer may look at."""
    old, new = change.old, change.new
    if old is None or new is None or type(old) is not type(new) or old.kind not in QUIET:
        return True
    if any(getattr(old, name) != getattr(new, name) for name in old.__struct_fields__ if name != "metadata"):
        return True
    return _essence(old) != _essence(new)


def is_heartbeat(change: ObjectChange) -> bool:
    """Whether a node has but told again that it is there."""
    old, new = change.old, change.new
    if not isinstance(old, Node) or not isinstance(new, Node) or _essence(old) != _essence(new):
        return False
    return _without_beats(old) == _without_beats(new)


def _essence(resource: Resource) -> Mapping[str, Any]:
    metadata: Metadata = resource.metadata
    found = {name: getattr(metadata, name) for name in metadata.__struct_fields__ if name != "resource_version"}
    found["annotations"] = {key: value for key, value in metadata.annotations.items() if is_read(key)}
    if isinstance(resource, TrackedResource):
        writers = resource.metadata.managed_fields
        found["managed_fields"] = (resource.last_write, [item for item in writers if item.sets_replicas])
    return found


def is_read(annotation: str) -> bool:
    """Whether analyzers may look at an annotation of a pod, a workload or a node."""
    domain = annotation.partition("/")[0]
    return domain in DOMAINS or domain.endswith((".kubernetes.io", ".k8s.io"))


def _without_beats(node: Node) -> tuple[Any, ...]:
    def still(item: Condition) -> Condition:
        return msgspec.structs.replace(item, last_heartbeat_time=None)

    status = msgspec.structs.replace(node.status, conditions=tuple(map(still, node.status.conditions)))
    return (node.spec, status)

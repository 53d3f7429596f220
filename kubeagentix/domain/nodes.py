"""Nodes, namespaces, events and metrics: the ground workloads stand on, and what it reports."""

from __future__ import annotations

from typing import ClassVar

from msgspec import field

from kubeagentix.domain.meta import Condition, Moment, ObjectReference, Quantity, Resource, Value


class Taint(Value, frozen=True):
    """`spec.taints[]`."""

    key: str = ""
    value: str = ""
    effect: str = ""
    time_added: Moment | None = None


class NodeSpec(Value, frozen=True):
    """`spec` of a Node."""

    taints: tuple[Taint, ...] = ()
    unschedulable: bool = False


class NodeInfo(Value, frozen=True):
    """`status.nodeInfo`."""

    kubelet_version: str = ""
    container_runtime_version: str = ""
    architecture: str = ""
    operating_system: str = ""


class NodeImage(Value, frozen=True):
    """`status.images[]`: one image that the node holds, by its names (tags and digests)."""

    names: tuple[str, ...] = ()


class NodeStatus(Value, frozen=True):
    """`status` of a Node."""

    capacity: dict[str, Quantity] = {}
    allocatable: dict[str, Quantity] = {}
    conditions: tuple[Condition, ...] = ()
    node_info: NodeInfo = field(default_factory=NodeInfo)
    images: tuple[NodeImage, ...] = ()  # the kubelet names the fifty largest


class Node(Resource, frozen=True):
    """A Node."""

    kind: ClassVar[str] = "Node"
    spec: NodeSpec = field(default_factory=NodeSpec)
    status: NodeStatus = field(default_factory=NodeStatus)


class NamespaceStatus(Value, frozen=True):
    """`status` of a Namespace."""

    phase: str = ""
    conditions: tuple[Condition, ...] = ()


class Namespace(Resource, frozen=True):
    """A Namespace."""

    kind: ClassVar[str] = "Namespace"
    status: NamespaceStatus = field(default_factory=NamespaceStatus)


class PriorityClass(Resource, frozen=True):
    """A PriorityClass."""

    kind: ClassVar[str] = "PriorityClass"
    value: int = 0
    global_default: bool = False


class EventSource(Value, frozen=True):
    """`source` of an event."""

    component: str = ""
    host: str = ""


class EventSeries(Value, frozen=True):
    """`series` of an event."""

    count: int = 0
    last_observed_time: Moment | None = None


class Event(Resource, frozen=True):
    """A core/v1 Event."""

    kind: ClassVar[str] = "Event"
    involved_object: ObjectReference = field(default_factory=ObjectReference)
    type: str = ""
    reason: str = ""
    message: str = ""
    count: int = 0
    first_timestamp: Moment | None = None
    last_timestamp: Moment | None = None
    event_time: Moment | None = None
    series: EventSeries | None = None
    source: EventSource = field(default_factory=EventSource)
    reporting_component: str = ""

    @property
    def seen_at(self) -> Moment | None:
        """When it was last seen, from whichever of its four time fields is set."""
        series_at = self.series.last_observed_time if self.series else None
        return series_at or self.last_timestamp or self.event_time or self.metadata.creation_timestamp

    @property
    def times(self) -> int:
        """How often it was seen; at least 1."""
        return max(self.count, self.series.count if self.series else 0, 1)

    @property
    def is_warning(self) -> bool:
        """Whether its type is Warning."""
        return self.type == "Warning"


class ContainerMetrics(Value, frozen=True):
    """`containers[]` of PodMetrics."""

    name: str = ""
    usage: dict[str, Quantity] = {}


class PodMetrics(Resource, frozen=True):
    """A pod's current usage (metrics.k8s.io)."""

    kind: ClassVar[str] = "PodMetrics"
    timestamp: Moment | None = None
    containers: tuple[ContainerMetrics, ...] = ()


class NodeMetrics(Resource, frozen=True):
    """A node's current usage (metrics.k8s.io)."""

    kind: ClassVar[str] = "NodeMetrics"
    timestamp: Moment | None = None
    usage: dict[str, Quantity] = {}

"""What all Kubernetes objects share: metadata, conditions, selectors and references.

Every type here and in its neighbours is a *projection*: it names the fields that something in this package
reads, and msgspec skips the rest without building it. A field absent from the API has a default, so odd objects
decode; `null` in place of a collection is repaired where pages are decoded.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import field

# kubectl's copy of the whole manifest: large, redundant, and may hold what a Secret holds.
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

Quantity = str | int | float  # the server writes strings; hand-written manifests also hold numbers
IntOrString = int | str
# Always with its offset, as the API writes them: one without could not be compared with any other.
Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class Value(msgspec.Struct, frozen=True, kw_only=True, rename="camel", gc=False, omit_defaults=True, dict=False):
    """A part of an object. Immutable; camelCase on the wire. Garbage-collector-free, as no part refers back."""


class OwnerReference(Value, frozen=True):
    """`metadata.ownerReferences[]`."""

    kind: str = ""
    name: str = ""
    uid: str = ""
    api_version: str = ""
    controller: bool = False


class Metadata(Value, frozen=True):
    """`metadata`, without managedFields (see TrackedMetadata) and without kubectl's last-applied copy."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    creation_timestamp: Moment | None = None
    deletion_timestamp: Moment | None = None
    deletion_grace_period_seconds: int | None = None
    owner_references: tuple[OwnerReference, ...] = ()
    finalizers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.annotations.pop(LAST_APPLIED, None)


class WrittenSpec(Value, frozen=True):
    """`f:spec` of `fieldsV1`: `replicas` is there, and empty, where that field was written."""

    replicas: dict[str, Any] | None = field(default=None, name="f:replicas")


class WrittenFields(Value, frozen=True):
    """`fieldsV1` of `managedFields[]`, as far as an autoscaler minds."""

    spec: WrittenSpec | None = field(default=None, name="f:spec")


class Writer(Value, frozen=True):
    """`metadata.managedFields[]`: who wrote, and when last; of the fields only whether `spec.replicas` is one."""

    manager: str = ""
    operation: str = ""
    subresource: str = ""
    time: Moment | None = None
    fields: WrittenFields | None = field(default=None, name="fieldsV1")

    @property
    def sets_replicas(self) -> bool:
        """Whether it wrote `spec.replicas`."""
        return self.fields is not None and self.fields.spec is not None and self.fields.spec.replicas is not None


class TrackedMetadata(Metadata, frozen=True):
    """`metadata` of the kinds that people change, with who wrote when."""

    managed_fields: tuple[Writer, ...] = ()


class Resource(Value, frozen=True):
    """A whole object; `kind` is the class's own, as list items do not carry theirs."""

    kind: ClassVar[str] = ""
    metadata: Metadata = field(default_factory=Metadata)

    @property
    def name(self) -> str:
        """`metadata.name`."""
        return self.metadata.name

    @property
    def namespace(self) -> str:
        """`metadata.namespace`, empty for cluster-scoped kinds."""
        return self.metadata.namespace

    @property
    def controller(self) -> OwnerReference | None:
        """The owner that manages this object (`controller: true`), if any."""
        for owner in self.metadata.owner_references:  # asked for every object, so without a generator
            if owner.controller:
                return owner
        return None


# Who writes status, scale and bookkeeping; servers before 1.22 do not say which subresource was written.
_CONTROLLERS = ("kube-controller-manager", "kubelet", "kube-scheduler", "kube-apiserver", "cloud-controller-manager")
_MAKING_S = 5.0  # a write this soon after the creation is a part of it


class TrackedResource(Resource, frozen=True):
    """An object of a kind that people change, so that when it was last changed matters."""

    metadata: TrackedMetadata = field(default_factory=TrackedMetadata)

    @property
    def last_write(self) -> Writer | None:
        """The newest write to it by anything but a control-plane component, after it was made. Source: KEP-555."""
        made = self.metadata.creation_timestamp
        writes = [
            (item.time, item)
            for item in self.metadata.managed_fields
            if item.time is not None and not item.subresource and item.manager not in _CONTROLLERS
        ]
        if not writes or made is None:
            return None
        at, newest = max(writes, key=lambda write: write[0])
        return newest if (at - made).total_seconds() > _MAKING_S else None


class Condition(Value, frozen=True):
    """`status.conditions[]` of any kind."""

    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""
    last_transition_time: Moment | None = None
    last_update_time: Moment | None = None
    last_heartbeat_time: Moment | None = None
    observed_generation: int | None = None


class LabelSelectorRequirement(Value, frozen=True):
    """`matchExpressions[]`, also the form of node selector terms (there with Gt and Lt)."""

    key: str = ""
    operator: str = ""
    values: tuple[str, ...] = ()

    def matches(self, labels: dict[str, str]) -> bool:
        """Whether `labels` satisfy this requirement (operators In, NotIn, Exists, DoesNotExist, Gt, Lt)."""
        value = labels.get(self.key)
        match self.operator:
            case "In":
                return value is not None and value in self.values
            case "NotIn":
                return value is None or value not in self.values
            case "Exists":
                return value is not None
            case "DoesNotExist":
                return value is None
            case "Gt" | "Lt":
                return self._compares(value)
        return False

    def _compares(self, value: str | None) -> bool:
        try:
            left, right = int(value or ""), int(self.values[0])
        except (ValueError, IndexError):
            return False
        return left > right if self.operator == "Gt" else left < right


class LabelSelector(Value, frozen=True):
    """`{matchLabels, matchExpressions}`. An empty selector matches everything; an absent one (None) nothing."""

    match_labels: dict[str, str] = {}
    match_expressions: tuple[LabelSelectorRequirement, ...] = ()

    def matches(self, labels: dict[str, str]) -> bool:
        """Whether `labels` satisfy every label and expression of this selector."""
        return self.match_labels.items() <= labels.items() and (
            not self.match_expressions or all(item.matches(labels) for item in self.match_expressions)
        )

    @property
    def is_empty(self) -> bool:
        """True for `{}`, which selects everything."""
        return not self.match_labels and not self.match_expressions


class ObjectReference(Value, frozen=True):
    """A reference to another object, as in events, PV claims and scale targets."""

    api_version: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""
    field_path: str = ""


class LocalReference(Value, frozen=True):
    """A reference by name within the same namespace."""

    name: str = ""


def condition(conditions: tuple[Condition, ...], condition_type: str) -> Condition | None:
    """The condition of that type, or None."""
    for item in conditions:
        if item.type == condition_type:
            return item
    return None

"""The kinds the demo API server serves: those the package reads, and what kubectl wants besides.

A `Catalog` belongs to one store, as a CustomResourceDefinition put there adds the kind it defines.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kubeagentix.domain.resources import KINDS

_ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
_METRICS_GROUP = "metrics.k8s.io"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedKind:
    """One resource of the API: where it is served and what can be done with it."""

    kind: str
    plural: str
    group: str = ""
    version: str = "v1"
    is_namespaced: bool = True
    singular: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    verbs: tuple[str, ...] = _ALL_VERBS
    is_custom: bool = False
    columns: tuple[Mapping[str, Any], ...] = ()  # a custom kind's additionalPrinterColumns

    @property
    def api_version(self) -> str:
        """`apiVersion` as objects carry it: `v1`, `apps/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def resource(self) -> str:
        """The resource as errors name it: `pods`, `deployments.apps`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def path(self) -> str:
        """The URL path of its group and version: `/api/v1`, `/apis/apps/v1`."""
        return f"/apis/{self.api_version}" if self.group else "/api/v1"

    @property
    def key(self) -> tuple[str, str]:
        """What tells resources apart: group and plural."""
        return self.group, self.plural


_WORKLOADS = ("Pod", "Service", "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob")
_CATEGORIES = {
    # what `kubectl get all` asks for
    **dict.fromkeys((*_WORKLOADS, "HorizontalPodAutoscaler", "ReplicationController"), ("all",)),
    **dict.fromkeys(
        (
            *("APIService", "CustomResourceDefinition"),
            *("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"),
        ),
        ("api-extensions",),
    ),
}
_SUBRESOURCES = {
    "Pod": ("status", "log", "eviction"),
    "Deployment": ("status", "scale"),
    "ReplicaSet": ("status", "scale"),
    "ReplicationController": ("status", "scale"),
    "StatefulSet": ("status", "scale"),
    **dict.fromkeys(
        (
            *("Node", "Namespace", "Service", "PersistentVolumeClaim", "PersistentVolume", "ResourceQuota"),
            *("DaemonSet", "Job", "CronJob", "HorizontalPodAutoscaler", "PodDisruptionBudget", "Ingress"),
            *("GatewayClass", "Gateway", "HTTPRoute", "GRPCRoute", "APIService", "CustomResourceDefinition"),
        ),
        ("status",),
    ),
}
_AUTHORIZATION = "authorization.k8s.io"

_OTHERS = (
    ServedKind(kind="Endpoints", plural="endpoints", short_names=("ep",), singular="endpoints"),
    ServedKind(kind="PodTemplate", plural="podtemplates"),
    ServedKind(kind="ControllerRevision", plural="controllerrevisions", group="apps"),
    ServedKind(kind="Lease", plural="leases", group="coordination.k8s.io"),
    ServedKind(kind="Event", plural="events", group="events.k8s.io", short_names=("ev",)),
    ServedKind(kind="CSIDriver", plural="csidrivers", group="storage.k8s.io", is_namespaced=False),
    ServedKind(kind="CSINode", plural="csinodes", group="storage.k8s.io", is_namespaced=False),
    ServedKind(kind="VolumeAttachment", plural="volumeattachments", group="storage.k8s.io", is_namespaced=False),
    ServedKind(kind="RuntimeClass", plural="runtimeclasses", group="node.k8s.io", is_namespaced=False),
    *(
        ServedKind(
            kind=kind, plural=f"{kind.lower()}s", group=_AUTHORIZATION, is_namespaced=is_namespaced, verbs=("create",)
        )
        for kind, is_namespaced in (
            ("SelfSubjectAccessReview", False),
            ("SelfSubjectRulesReview", False),
            ("SubjectAccessReview", False),
            ("LocalSubjectAccessReview", True),
        )
    ),
    ServedKind(
        kind="SelfSubjectReview",
        plural="selfsubjectreviews",
        group="authentication.k8s.io",
        is_namespaced=False,
        verbs=("create",),
    ),
)


def _built_in() -> Iterator[ServedKind]:
    for kind in KINDS.values():
        is_metrics = kind.group == _METRICS_GROUP
        yield ServedKind(
            kind=kind.name,
            plural=kind.plural,
            group=kind.group,
            version=kind.versions[0],
            is_namespaced=kind.is_namespaced,
            short_names=kind.short_names,
            categories=_CATEGORIES.get(kind.name, ()),
            subresources=_SUBRESOURCES.get(kind.name, ()),
            singular="" if is_metrics else kind.name.lower(),
            verbs=("get", "list") if is_metrics else _ALL_VERBS,
        )
    yield from _OTHERS


BUILT_IN = tuple(_built_in())


class Catalog:
    """The kinds served, found by kind, by apiVersion and kind, or by URL."""

    def __init__(self, kinds: Iterable[ServedKind] = BUILT_IN) -> None:
        self._by_url: dict[tuple[str, str, str], ServedKind] = {}
        self._by_name: dict[str, ServedKind] = {}
        self._by_type: dict[tuple[str, str], ServedKind] = {}
        for kind in kinds:
            self.add(kind)

    def __iter__(self) -> Iterator[ServedKind]:
        return iter(tuple(self._by_url.values()))

    def add(self, kind: ServedKind) -> None:
        """Serve `kind` from now on. A name taken by an earlier kind is also known as `Kind.group`."""
        self._by_url[kind.group, kind.version, kind.plural] = kind
        self._by_type[kind.api_version, kind.kind] = kind
        self._by_name.setdefault(kind.kind, kind)
        self._by_name[f"{kind.kind}.{kind.group}"] = kind

    def named(self, name: str) -> ServedKind:
        """The kind called `Deployment`, or `Service.serving.knative.dev`. Raises KeyError."""
        return self._by_name[name]

    def has(self, name: str) -> bool:
        """Whether a kind is served under that name."""
        return name in self._by_name

    def of(self, obj: Mapping[str, Any]) -> ServedKind:
        """The kind of a manifest. Raises KeyError if its apiVersion and kind are not served."""
        return self._by_type[str(obj.get("apiVersion", "")), str(obj.get("kind", ""))]

    def at(self, group: str, version: str, plural: str) -> ServedKind | None:
        """The kind served at a URL, or None."""
        return self._by_url.get((group, version, plural))

    def add_custom(self, definition: Mapping[str, Any]) -> None:
        """Serve the versions a CustomResourceDefinition says are served."""
        spec = definition["spec"]
        names = spec["names"]
        for version in spec.get("versions", ()):
            if version.get("served", True):
                self.add(
                    ServedKind(
                        kind=names["kind"],
                        plural=names["plural"],
                        group=spec["group"],
                        version=version["name"],
                        is_namespaced=spec.get("scope", "Namespaced") == "Namespaced",
                        singular=names.get("singular", names["kind"].lower()),
                        short_names=tuple(names.get("shortNames", ())),
                        categories=tuple(names.get("categories", ())),
                        subresources=tuple(version.get("subresources", ())),
                        is_custom=True,
                        columns=tuple(version.get("additionalPrinterColumns", ())),
                    )
                )

    def remove_custom(self, definition: Mapping[str, Any]) -> None:
        """No longer serve what a CustomResourceDefinition defined."""
        spec = definition["spec"]
        gone = [kind for kind in self if kind.key == (spec["group"], spec["names"]["plural"]) and kind.is_custom]
        for kind in gone:
            del self._by_url[kind.group, kind.version, kind.plural]
            del self._by_type[kind.api_version, kind.kind]
            for name in [name for name, known in self._by_name.items() if known == kind]:
                del self._by_name[name]

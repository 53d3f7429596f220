"""The kinds that are read, and how the API names them: one table, which cluster access and snapshots follow."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from types import MappingProxyType

from kubeagentix.domain import access, extensions, network, nodes, pods, storage, workloads
from kubeagentix.domain.meta import Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind: its projection, its plural, its API group, and the versions of one shape, best first."""

    type: type[Resource]
    plural: str
    group: str = ""
    versions: tuple[str, ...] = ("v1",)
    is_namespaced: bool = True
    short_names: tuple[str, ...] = ()
    is_optional: bool = False  # an add-on's API: its absence is normal, no gap

    @property
    def name(self) -> str:
        """The kind's name, such as `Pod`."""
        return self.type.kind


_GATEWAY = "gateway.networking.k8s.io"
_METRICS = "metrics.k8s.io"
_RBAC = "rbac.authorization.k8s.io"
_ADMISSION = "admissionregistration.k8s.io"

_ALL = (
    Kind(type=pods.Pod, plural="pods", short_names=("po",)),
    Kind(type=nodes.Node, plural="nodes", is_namespaced=False, short_names=("no",)),
    Kind(type=nodes.Namespace, plural="namespaces", is_namespaced=False, short_names=("ns",)),
    Kind(type=nodes.Event, plural="events", short_names=("ev",)),
    Kind(type=network.Service, plural="services", short_names=("svc",)),
    Kind(type=storage.ConfigMap, plural="configmaps", short_names=("cm",)),
    Kind(type=storage.Secret, plural="secrets"),
    Kind(type=storage.ServiceAccount, plural="serviceaccounts", short_names=("sa",)),
    Kind(type=storage.PersistentVolumeClaim, plural="persistentvolumeclaims", short_names=("pvc",)),
    Kind(
        type=storage.PersistentVolume,
        plural="persistentvolumes",
        is_namespaced=False,
        short_names=("pv",),
    ),
    Kind(type=workloads.ResourceQuota, plural="resourcequotas", short_names=("quota",)),
    Kind(type=workloads.LimitRange, plural="limitranges", short_names=("limits",)),
    Kind(type=workloads.Deployment, plural="deployments", group="apps", short_names=("deploy",)),
    Kind(type=workloads.ReplicaSet, plural="replicasets", group="apps", short_names=("rs",)),
    Kind(type=workloads.ReplicationController, plural="replicationcontrollers", short_names=("rc",)),
    Kind(type=workloads.StatefulSet, plural="statefulsets", group="apps", short_names=("sts",)),
    Kind(type=workloads.DaemonSet, plural="daemonsets", group="apps", short_names=("ds",)),
    Kind(type=workloads.Job, plural="jobs", group="batch"),
    Kind(
        type=workloads.CronJob,
        plural="cronjobs",
        group="batch",
        versions=("v1", "v1beta1"),
        short_names=("cj",),
    ),
    Kind(
        type=workloads.HorizontalPodAutoscaler,
        plural="horizontalpodautoscalers",
        group="autoscaling",
        versions=("v2", "v2beta2"),
        short_names=("hpa",),
    ),
    Kind(
        type=workloads.PodDisruptionBudget,
        plural="poddisruptionbudgets",
        group="policy",
        versions=("v1", "v1beta1"),
        short_names=("pdb",),
    ),
    Kind(
        type=network.EndpointSlice,
        plural="endpointslices",
        group="discovery.k8s.io",
        versions=("v1", "v1beta1"),
    ),
    Kind(type=network.Ingress, plural="ingresses", group="networking.k8s.io", short_names=("ing",)),
    Kind(
        type=network.IngressClass,
        plural="ingressclasses",
        group="networking.k8s.io",
        is_namespaced=False,
    ),
    Kind(
        type=network.NetworkPolicy,
        plural="networkpolicies",
        group="networking.k8s.io",
        short_names=("netpol",),
    ),
    Kind(
        type=storage.StorageClass,
        plural="storageclasses",
        group="storage.k8s.io",
        is_namespaced=False,
        short_names=("sc",),
    ),
    Kind(
        type=nodes.PriorityClass,
        plural="priorityclasses",
        group="scheduling.k8s.io",
        is_namespaced=False,
        short_names=("pc",),
    ),
    Kind(
        type=network.GatewayClass,
        plural="gatewayclasses",
        group=_GATEWAY,
        versions=("v1", "v1beta1"),
        is_namespaced=False,
        short_names=("gc",),
        is_optional=True,
    ),
    Kind(
        type=network.Gateway,
        plural="gateways",
        group=_GATEWAY,
        versions=("v1", "v1beta1"),
        short_names=("gtw",),
        is_optional=True,
    ),
    Kind(
        type=network.HTTPRoute,
        plural="httproutes",
        group=_GATEWAY,
        versions=("v1", "v1beta1"),
        is_optional=True,
    ),
    *(
        Kind(type=kind, plural=f"{kind.kind.lower()}s", group=_RBAC, is_namespaced=is_namespaced, is_optional=True)
        for kind, is_namespaced in (
            (access.Role, True),
            (access.RoleBinding, True),
            (access.ClusterRole, False),
            (access.ClusterRoleBinding, False),
        )
    ),
    Kind(
        type=network.ReferenceGrant,
        plural="referencegrants",
        group=_GATEWAY,
        versions=("v1beta1", "v1", "v1alpha2"),
        short_names=("refgrant",),
        is_optional=True,
    ),
    Kind(
        type=network.GRPCRoute,
        plural="grpcroutes",
        group=_GATEWAY,
        versions=("v1", "v1alpha2"),
        is_optional=True,
    ),
    Kind(type=nodes.PodMetrics, plural="pods", group=_METRICS, versions=("v1beta1",), is_optional=True),
    Kind(
        type=nodes.NodeMetrics,
        plural="nodes",
        group=_METRICS,
        versions=("v1beta1",),
        is_namespaced=False,
        is_optional=True,
    ),
    Kind(
        type=extensions.APIService,
        plural="apiservices",
        group="apiregistration.k8s.io",
        is_namespaced=False,
    ),
    Kind(
        type=extensions.CustomResourceDefinition,
        plural="customresourcedefinitions",
        group="apiextensions.k8s.io",
        is_namespaced=False,
        short_names=("crd", "crds"),
        is_optional=True,
    ),
    Kind(
        type=extensions.ValidatingWebhookConfiguration,
        plural="validatingwebhookconfigurations",
        group=_ADMISSION,
        is_namespaced=False,
    ),
    Kind(
        type=extensions.MutatingWebhookConfiguration,
        plural="mutatingwebhookconfigurations",
        group=_ADMISSION,
        is_namespaced=False,
    ),
)

KINDS = MappingProxyType({kind.name: kind for kind in _ALL})
# The groups that kube-apiserver itself serves and whose names have a dot; definitions cannot add to them.
BUILT_IN_GROUPS = frozenset(
    f"{name}.k8s.io"
    for name in (
        *("admissionregistration", "apidiscovery", "apiextensions", "apiregistration", "authentication"),
        *("authorization", "certificates", "coordination", "discovery", "events"),
        *("flowcontrol.apiserver", "internal.apiserver", "networking", "node", "rbac.authorization", "resource"),
        *("scheduling", "storage", "storagemigration"),
    )
)


def find_kind(word: str) -> Kind | None:
    """The kind a user means by `word`: kind, plural, singular or short name, in any case (`Deploy`, `svc`)."""
    wanted = word.lower()
    for kind in _ALL:
        if wanted in (kind.name.lower(), kind.plural, *kind.short_names) and kind.group != _METRICS:
            return kind
    return None


def group_of(api_version: str) -> str:
    """The API group of an `apiVersion`: `apps` of `apps/v1`, empty for `v1`."""
    return api_version.rpartition("/")[0]


def is_custom(group: str, kind: str) -> bool:
    """Whether objects of that group are read as custom resources. Kubernetes' own groups have no dot or are known."""
    known = KINDS.get(kind)
    return "." in group and group not in BUILT_IN_GROUPS and (known is None or known.group != group)


def custom_name(group: str, kind: str, taken: Collection[str] = ()) -> str:
    """What objects of a custom kind are called: the kind, or `Kind.group` (kubectl knows both) where that is taken.

    `taken` are kinds that several custom groups have.
    """
    return f"{kind}.{group}" if kind in KINDS or kind in taken else kind


def custom_kind(
    group: str, kind: str, plural: str, version: str, *, is_namespaced: bool = True, taken: Collection[str] = ()
) -> Kind:
    """A kind that a CustomResourceDefinition defines."""
    return Kind(
        type=extensions.custom_type(custom_name(group, kind, taken), group),
        plural=plural,
        group=group,
        versions=(version,),
        is_namespaced=is_namespaced,
        is_optional=True,
    )

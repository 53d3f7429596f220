"""What the API server does to an object before it is stored: fill in defaults, refuse what is invalid.

Source: SetDefaults_* and Validate* of k8s.io/kubernetes/pkg/apis, the parts that controllers and kubectl rely on.
"""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kubeagentix.demo.api_errors import Cause, StatusError, forbidden, invalid, not_found
from kubeagentix.demo.kinds import ServedKind
from kubeagentix.demo.selectors import selects
from kubeagentix.demo.store import Manifest, Store

_SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"  # no vowels, no lookalikes, as apimachinery's rand.String
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_FREE_NAMES = frozenset({"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding", "Event"})  # may hold colons
_TEMPLATE_KINDS = frozenset({"Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job"})
_SELECTOR_KINDS = _TEMPLATE_KINDS - {"Job"}


def name_if_generated(obj: Manifest) -> None:
    """Make up metadata.name from generateName."""
    metadata = obj.setdefault("metadata", {})
    if not metadata.get("name") and metadata.get("generateName"):
        suffix = "".join(secrets.choice(_SUFFIX_LETTERS) for _ in range(5))
        metadata["name"] = metadata["generateName"] + suffix


def check_namespace(store: Store, kind: ServedKind, namespace: str, name: str) -> None:
    """Refuse to create in a namespace that is not there (404) or going away (403)."""
    found = store.peek(store.catalog.named("Namespace"), None, namespace)
    if found is None:
        raise not_found(store.catalog.named("Namespace"), namespace)
    if (found.get("status") or {}).get("phase") == "Terminating":
        why = f"unable to create new content in namespace {namespace} because it is being terminated"
        raise forbidden(kind.group, kind.plural, name, why)


def validate(kind: ServedKind, obj: Manifest) -> None:
    """Raises StatusError 422 with all that is wrong with `obj`."""
    causes = [*_name_causes(kind, obj), *([] if kind.is_custom else _spec_causes(kind, obj))]
    if causes:
        raise invalid(kind.kind, kind.group, obj["metadata"].get("name", ""), causes)


def unchangeable(kind: ServedKind, name: str, field: str, value: Any) -> StatusError:
    """422 for a change of an immutable field."""
    cause = Cause(field, "FieldValueInvalid", f"Invalid value: {value}: field is immutable")
    return invalid(kind.kind, kind.group, name, [cause])


def _name_causes(kind: ServedKind, obj: Manifest) -> Iterator[Cause]:
    name = obj["metadata"].get("name", "")
    if not name:
        message = "Required value: name or generateName is required"
        yield Cause("metadata.name", "FieldValueRequired", message)
    elif kind.kind not in _FREE_NAMES and not (len(name) <= 253 and _SUBDOMAIN.fullmatch(name)):
        yield Cause("metadata.name", "FieldValueInvalid", f'Invalid value: "{name}": {_SUBDOMAIN_RULE}')


def _spec_causes(kind: ServedKind, obj: Manifest) -> Iterator[Cause]:
    spec = obj.get("spec") or {}
    if kind.kind == "Pod":
        yield from _pod_causes(spec, "spec")
    elif kind.kind in _TEMPLATE_KINDS:
        yield from _replica_causes(spec)
        if kind.kind in _SELECTOR_KINDS:
            yield from _selector_causes(spec)
        yield from _pod_causes((spec.get("template") or {}).get("spec") or {}, "spec.template.spec")
    elif kind.kind == "Service":
        is_portless = spec.get("type") == "ExternalName" or spec.get("clusterIP") == "None"
        yield from [] if is_portless or spec.get("ports") else [_required("spec.ports")]


def _required(field: str) -> Cause:
    return Cause(field, "FieldValueRequired", "Required value")


def _replica_causes(spec: Mapping[str, Any]) -> Iterator[Cause]:
    replicas = spec.get("replicas", 1)
    if isinstance(replicas, int) and replicas < 0:
        message = f"Invalid value: {replicas}: must be greater than or equal to 0"
        yield Cause("spec.replicas", "FieldValueInvalid", message)


def _selector_causes(spec: Mapping[str, Any]) -> Iterator[Cause]:
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
    if not spec.get("selector"):
        yield _required("spec.selector")
    elif not selects(spec["selector"], labels):
        shown = ", ".join(f'"{key}":"{value}"' for key, value in sorted(labels.items()))
        message = f"Invalid value: {{{shown}}}: `selector` does not match template `labels`"
        yield Cause("spec.template.metadata.labels", "FieldValueInvalid", message)


def _pod_causes(spec: Mapping[str, Any], path: str) -> Iterator[Cause]:
    containers = spec.get("containers")
    if not containers:
        yield _required(f"{path}.containers")
    for index, container in enumerate(containers or ()):
        for field in ("name", "image"):
            if not container.get(field):
                yield _required(f"{path}.containers[{index}].{field}")


def set_defaults(kind: ServedKind, obj: Manifest, store: Store) -> None:
    """Fill in what a manifest leaves out, as the server does on every write. Custom resources have no defaults here."""
    setter = _DEFAULTS.get(kind.kind)
    if setter is not None and not kind.is_custom:
        setter(obj, store)


def set_initial_status(kind: ServedKind, obj: Manifest) -> None:
    """The status a new object starts with."""
    first = _FIRST_STATUS.get(kind.kind)
    if first is not None and not kind.is_custom:
        obj["status"] = first(obj)


def _fill(obj: dict[str, Any], **values: Any) -> None:
    for key, value in values.items():
        if obj.get(key) is None:
            obj[key] = value


def _pod_defaults(obj: Manifest, _: Store) -> None:
    spec = obj.setdefault("spec", {})
    _pod_spec_defaults(spec)
    _fill(spec, serviceAccountName=spec.get("serviceAccount") or "default", enableServiceLinks=True)
    _fill(spec, serviceAccount=spec["serviceAccountName"], priority=0, preemptionPolicy="PreemptLowerPriority")


def _pod_spec_defaults(spec: dict[str, Any]) -> None:
    _fill(spec, restartPolicy="Always", dnsPolicy="ClusterFirst", schedulerName="default-scheduler")
    _fill(spec, terminationGracePeriodSeconds=30, securityContext={})
    for container in [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]:
        _container_defaults(container)


def _container_defaults(container: dict[str, Any]) -> None:
    image = str(container.get("image", ""))
    tag = image.rpartition("/")[2].partition("@")
    is_latest = not tag[1] and (":" not in tag[0] or tag[0].endswith(":latest"))
    _fill(container, resources={}, imagePullPolicy="Always" if is_latest else "IfNotPresent")
    _fill(container, terminationMessagePath="/dev/termination-log", terminationMessagePolicy="File")
    for port in container.get("ports") or ():
        _fill(port, protocol="TCP")
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if container.get(name):
            _fill(container[name], timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3)
            if container[name].get("httpGet"):
                _fill(container[name]["httpGet"], path="/", scheme="HTTP")


def _template_defaults(spec: dict[str, Any]) -> None:
    template = spec.setdefault("template", {})
    template.setdefault("metadata", {})
    _pod_spec_defaults(template.setdefault("spec", {}))


def _deployment_defaults(obj: Manifest, _: Store) -> None:
    spec = obj.setdefault("spec", {})
    _fill(spec, replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600, strategy={})
    _fill(spec["strategy"], type="RollingUpdate")
    if spec["strategy"]["type"] == "RollingUpdate":
        _fill(spec["strategy"], rollingUpdate={})
        _fill(spec["strategy"]["rollingUpdate"], maxUnavailable="25%", maxSurge="25%")
    _template_defaults(spec)


def _replica_set_defaults(obj: Manifest, _: Store) -> None:
    _fill(obj.setdefault("spec", {}), replicas=1)
    _template_defaults(obj["spec"])


def _stateful_set_defaults(obj: Manifest, _: Store) -> None:
    spec = obj.setdefault("spec", {})
    _fill(spec, replicas=1, revisionHistoryLimit=10, podManagementPolicy="OrderedReady")
    _fill(spec, updateStrategy={"type": "RollingUpdate", "rollingUpdate": {"partition": 0}})
    _fill(spec, persistentVolumeClaimRetentionPolicy={"whenDeleted": "Retain", "whenScaled": "Retain"})
    _template_defaults(spec)


def _daemon_set_defaults(obj: Manifest, _: Store) -> None:
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}
    _fill(obj.setdefault("spec", {}), revisionHistoryLimit=10, updateStrategy=rolling)
    _template_defaults(obj["spec"])


def _job_defaults(obj: Manifest, _: Store) -> None:
    _job_spec_defaults(obj.setdefault("spec", {}))


def _job_spec_defaults(spec: dict[str, Any]) -> None:
    if spec.get("completions") is None and spec.get("parallelism") is None:
        spec["completions"] = 1
    _fill(spec, parallelism=1, backoffLimit=6, completionMode="NonIndexed", suspend=False)
    _fill(spec, podReplacementPolicy="TerminatingOrFailed")
    _template_defaults(spec)


def _cron_job_defaults(obj: Manifest, _: Store) -> None:
    spec = obj.setdefault("spec", {})
    _fill(spec, concurrencyPolicy="Allow", suspend=False, successfulJobsHistoryLimit=3, failedJobsHistoryLimit=1)
    _pod_spec_defaults(
        spec.setdefault("jobTemplate", {}).setdefault("spec", {}).setdefault("template", {}).setdefault("spec", {})
    )


def _service_defaults(obj: Manifest, store: Store) -> None:
    spec = obj.setdefault("spec", {})
    _fill(spec, type="ClusterIP", sessionAffinity="None")
    for port in spec.get("ports") or ():
        _fill(port, protocol="TCP", targetPort=port["port"])
    if spec["type"] == "ExternalName":
        return
    _fill(spec, clusterIP=_free_cluster_ip(store), internalTrafficPolicy="Cluster")
    _fill(spec, clusterIPs=[spec["clusterIP"]], ipFamilies=["IPv4"], ipFamilyPolicy="SingleStack")
    if spec["type"] in ("NodePort", "LoadBalancer"):
        _fill(spec, externalTrafficPolicy="Cluster")
        for port in spec.get("ports") or ():
            _fill(port, nodePort=30000 + secrets.randbelow(2768))


def _free_cluster_ip(store: Store) -> str:
    services = store.peek_all(store.catalog.named("Service"))
    taken = {service.get("spec", {}).get("clusterIP") for service in services}
    while True:
        address = f"10.96.{secrets.randbelow(256)}.{1 + secrets.randbelow(254)}"
        if address not in taken:
            return address


def _namespace_defaults(obj: Manifest, _: Store) -> None:
    metadata = obj["metadata"]
    _fill(metadata, labels={})
    metadata["labels"]["kubernetes.io/metadata.name"] = metadata.get("name", "")
    _fill(obj.setdefault("spec", {}), finalizers=["kubernetes"])


def _secret_defaults(obj: Manifest, _: Store) -> None:
    _fill(obj, type="Opaque")
    for key, value in (obj.pop("stringData", None) or {}).items():
        obj.setdefault("data", {})[key] = base64.b64encode(str(value).encode()).decode()


def _claim_defaults(obj: Manifest, _: Store) -> None:
    _fill(obj.setdefault("spec", {}), volumeMode="Filesystem")


def _autoscaler_defaults(obj: Manifest, _: Store) -> None:
    utilization = {"type": "Utilization", "averageUtilization": 80}
    spec = obj.setdefault("spec", {})
    _fill(spec, minReplicas=1, metrics=[{"type": "Resource", "resource": {"name": "cpu", "target": utilization}}])


_DEFAULTS: dict[str, Callable[[Manifest, Store], None]] = {
    "Pod": _pod_defaults,
    "Deployment": _deployment_defaults,
    "ReplicaSet": _replica_set_defaults,
    "StatefulSet": _stateful_set_defaults,
    "DaemonSet": _daemon_set_defaults,
    "Job": _job_defaults,
    "CronJob": _cron_job_defaults,
    "Service": _service_defaults,
    "Namespace": _namespace_defaults,
    "Secret": _secret_defaults,
    "PersistentVolumeClaim": _claim_defaults,
    "HorizontalPodAutoscaler": _autoscaler_defaults,
}
_FIRST_STATUS: dict[str, Callable[[Manifest], dict[str, Any]]] = {
    "Pod": lambda pod: {"phase": "Pending", "qosClass": qos_class(pod.get("spec") or {})},
    "Namespace": lambda _: {"phase": "Active"},
    "PersistentVolumeClaim": lambda _: {"phase": "Pending"},
    "PersistentVolume": lambda _: {"phase": "Pending"},
    "Service": lambda _: {"loadBalancer": {}},
    "Ingress": lambda _: {"loadBalancer": {}},
    **dict.fromkeys(("Deployment", "Job", "CronJob"), lambda _: {}),
    **dict.fromkeys(("ReplicaSet", "StatefulSet"), lambda _: {"replicas": 0}),
}


def qos_class(pod_spec: Mapping[str, Any]) -> str:
    """Guaranteed, Burstable or BestEffort, from the resources of a pod's containers."""
    resources = [container.get("resources") or {} for container in pod_spec.get("containers") or ()]
    if not any(item.get("requests") or item.get("limits") for item in resources):
        return "BestEffort"
    for item in resources:
        limits = item.get("limits") or {}
        if not {"cpu", "memory"} <= limits.keys() or any(
            value != limits.get(key) for key, value in (item.get("requests") or {}).items()
        ):
            return "Burstable"
    return "Guaranteed"

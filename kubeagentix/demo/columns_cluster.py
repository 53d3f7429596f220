"""Printer columns of nodes, namespaces, events, storage, configuration and access control."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from kubeagentix.demo.columns import NONE, UNKNOWN, UNSET, Obj, age, columns, name_of, number, part, since

_ACCESS_MODES = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}
_ROLE_PREFIX = "node-role.kubernetes.io/"


def _node(obj: Obj, now: datetime) -> list[Any]:
    info = part(obj, "status", "nodeInfo") or {}
    roles = ",".join(sorted(_roles(obj["metadata"].get("labels") or {}))) or NONE
    addresses = part(obj, "status", "addresses") or ()
    ips = [
        next((item["address"] for item in addresses if item["type"] == kind), NONE)
        for kind in ("InternalIP", "ExternalIP")
    ]
    wide = [info.get(key) or UNKNOWN for key in ("osImage", "kernelVersion", "containerRuntimeVersion")]
    return [name_of(obj), _node_status(obj), roles, age(obj, now), info.get("kubeletVersion", ""), *ips, *wide]


def _node_status(obj: Obj) -> str:
    conditions = part(obj, "status", "conditions") or ()
    ready = next((item.get("status") for item in conditions if item.get("type") == "Ready"), None)
    status = "Unknown" if ready is None else "Ready" if ready == "True" else "NotReady"
    return f"{status},SchedulingDisabled" if part(obj, "spec", "unschedulable") else status


def _roles(labels: Obj) -> Iterator[str]:
    for key, value in labels.items():
        if key.startswith(_ROLE_PREFIX) and len(key) > len(_ROLE_PREFIX):
            yield key.removeprefix(_ROLE_PREFIX)
        elif key == "kubernetes.io/role" and value:
            yield value


def _namespace(obj: Obj, now: datetime) -> list[Any]:
    return [name_of(obj), part(obj, "status", "phase") or "Active", age(obj, now)]


def _event(obj: Obj, now: datetime) -> list[Any]:
    involved = obj.get("involvedObject") or obj.get("regarding") or {}
    first_at = obj.get("firstTimestamp") or obj.get("deprecatedFirstTimestamp") or obj.get("eventTime")
    last_at = obj.get("lastTimestamp") or obj.get("deprecatedLastTimestamp") or first_at
    series = obj.get("series") or {}
    count = series.get("count") or obj.get("count") or obj.get("deprecatedCount") or 1
    source = obj.get("source") or obj.get("deprecatedSource") or {}
    component = source.get("component") or obj.get("reportingComponent") or obj.get("reportingController") or ""
    host = source.get("host") or obj.get("reportingInstance") or ""
    target = f"{involved.get('kind', '').lower()}/{involved.get('name', '')}".rstrip("/")
    return [
        since(series.get("lastObservedTime") or last_at, now),
        *(obj.get("type", ""), obj.get("reason", ""), target, involved.get("fieldPath", "")),
        ", ".join(text for text in (component, host) if text),
        (obj.get("message") or obj.get("note") or "").strip(),
        *(since(first_at, now), count, name_of(obj)),
    ]


def _config_map(obj: Obj, now: datetime) -> list[Any]:
    return [name_of(obj), len(obj.get("data") or ()) + len(obj.get("binaryData") or ()), age(obj, now)]


def _secret(obj: Obj, now: datetime) -> list[Any]:
    return [name_of(obj), obj.get("type", "Opaque"), len(obj.get("data") or ()), age(obj, now)]


def _service_account(obj: Obj, now: datetime) -> list[Any]:
    return [name_of(obj), len(obj.get("secrets") or ()), age(obj, now)]


def _modes(modes: Any) -> str:
    return ",".join(_ACCESS_MODES.get(mode, mode) for mode in dict.fromkeys(modes or ()))


def _claim(obj: Obj, now: datetime) -> list[Any]:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    is_bound = bool(spec.get("volumeName"))
    phase = "Terminating" if obj["metadata"].get("deletionTimestamp") else status.get("phase", "")
    capacity = (status.get("capacity") or {}).get("storage", "") if is_bound else ""
    return [
        *(name_of(obj), phase, spec.get("volumeName", ""), capacity),
        *(_modes(status.get("accessModes")) if is_bound else "", spec.get("storageClassName") or ""),
        *(spec.get("volumeAttributesClassName") or UNSET, age(obj, now), spec.get("volumeMode") or UNSET),
    ]


def _volume(obj: Obj, now: datetime) -> list[Any]:
    spec, claim = obj.get("spec") or {}, part(obj, "spec", "claimRef")
    is_going = bool(obj["metadata"].get("deletionTimestamp"))
    return [
        *(name_of(obj), (spec.get("capacity") or {}).get("storage", ""), _modes(spec.get("accessModes"))),
        *(spec.get("persistentVolumeReclaimPolicy", ""), "Terminating" if is_going else _phase(obj)),
        *(f"{claim.get('namespace', '')}/{claim['name']}" if claim else "", spec.get("storageClassName") or ""),
        *(spec.get("volumeAttributesClassName") or UNSET, part(obj, "status", "reason") or "", age(obj, now)),
        spec.get("volumeMode") or UNSET,
    ]


def _phase(obj: Obj) -> str:
    return str(part(obj, "status", "phase") or "")


def _storage_class(obj: Obj, now: datetime) -> list[Any]:
    annotations = obj["metadata"].get("annotations") or {}
    is_default = annotations.get("storageclass.kubernetes.io/is-default-class") == "true"
    return [
        f"{name_of(obj)} (default)" if is_default else name_of(obj),
        *(obj.get("provisioner", ""), obj.get("reclaimPolicy") or "Delete"),
        *(obj.get("volumeBindingMode") or "Immediate", bool(obj.get("allowVolumeExpansion")), age(obj, now)),
    ]


def _priority_class(obj: Obj, now: datetime) -> list[Any]:
    policy = obj.get("preemptionPolicy") or "PreemptLowerPriority"
    return [name_of(obj), number(obj, "value"), bool(obj.get("globalDefault")), age(obj, now), policy]


def _lease(obj: Obj, now: datetime) -> list[Any]:
    return [name_of(obj), part(obj, "spec", "holderIdentity") or "", age(obj, now)]


def _runtime_class(obj: Obj, now: datetime) -> list[Any]:
    return [name_of(obj), obj.get("handler", ""), age(obj, now)]


def _binding(obj: Obj, now: datetime) -> list[Any]:
    reference = obj.get("roleRef") or {}
    subjects = obj.get("subjects") or ()
    users, groups, accounts = (
        [subject for subject in subjects if subject.get("kind") == kind] for kind in ("User", "Group", "ServiceAccount")
    )
    return [
        *(name_of(obj), f"{reference.get('kind', '')}/{reference.get('name', '')}", age(obj, now)),
        *(", ".join(subject["name"] for subject in named) for named in (users, groups)),
        ", ".join(f"{subject.get('namespace', '')}/{subject['name']}" for subject in accounts),
    ]


def _webhooks(obj: Obj, now: datetime) -> list[Any]:
    return [name_of(obj), len(obj.get("webhooks") or ()), age(obj, now)]


def _api_service(obj: Obj, now: datetime) -> list[Any]:
    service = part(obj, "spec", "service")
    conditions = part(obj, "status", "conditions") or ()
    available: Obj = next((item for item in conditions if item.get("type") == "Available"), {})
    reason = f" ({available['reason']})" if available.get("status") == "False" and available.get("reason") else ""
    where = f"{service.get('namespace', '')}/{service['name']}" if service else "Local"
    return [name_of(obj), where, f"{available.get('status', 'Unknown')}{reason}", age(obj, now)]


def _csi_node(obj: Obj, now: datetime) -> list[Any]:
    return [name_of(obj), len(part(obj, "spec", "drivers") or ()), age(obj, now)]


def _attachment(obj: Obj, now: datetime) -> list[Any]:
    spec = obj.get("spec") or {}
    volume = part(spec, "source", "persistentVolumeName") or ""
    is_attached = bool(part(obj, "status", "attached"))
    return [name_of(obj), spec.get("attacher", ""), volume, spec.get("nodeName", ""), is_attached, age(obj, now)]


_BINDING = columns("Name,Role,Age,*Users,*Groups,*ServiceAccounts", _binding)
_WEBHOOKS = columns("Name,#Webhooks,Age", _webhooks)
PRINTERS = {
    "Node": columns(
        "Name,Status,Roles,Age,Version,*Internal-IP,*External-IP,*OS-Image,*Kernel-Version,*Container-Runtime", _node
    ),
    "Namespace": columns("Name,Status,Age", _namespace),
    "Event": columns("Last Seen,Type,Reason,Object,*Subobject,*Source,Message,*First Seen,*#Count,*Name", _event),
    "ConfigMap": columns("Name,#Data,Age", _config_map),
    "Secret": columns("Name,Type,#Data,Age", _secret),
    "ServiceAccount": columns("Name,#Secrets,Age", _service_account),
    "PersistentVolumeClaim": columns(
        "Name,Status,Volume,Capacity,Access Modes,StorageClass,VolumeAttributesClass,Age,*VolumeMode", _claim
    ),
    "PersistentVolume": columns(
        "Name,Capacity,Access Modes,Reclaim Policy,Status,Claim,StorageClass,VolumeAttributesClass,Reason,Age,"
        "*VolumeMode",
        _volume,
    ),
    "StorageClass": columns(
        "Name,Provisioner,ReclaimPolicy,VolumeBindingMode,AllowVolumeExpansion,Age", _storage_class
    ),
    "PriorityClass": columns("Name,#Value,Global-Default,Age,PreemptionPolicy", _priority_class),
    "Lease": columns("Name,Holder,Age", _lease),
    "RuntimeClass": columns("Name,Handler,Age", _runtime_class),
    "RoleBinding": _BINDING,
    "ClusterRoleBinding": _BINDING,
    "MutatingWebhookConfiguration": _WEBHOOKS,
    "ValidatingWebhookConfiguration": _WEBHOOKS,
    "APIService": columns("Name,Service,Available,Age", _api_service),
    "CSINode": columns("Name,#Drivers,Age", _csi_node),
    "VolumeAttachment": columns("Name,Attacher,PV,Node,Attached,Age", _attachment),
}

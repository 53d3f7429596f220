"""What every cluster holds from its first second: system namespaces, and RBAC's default roles and bindings.

Source: k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac/bootstrappolicy.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubeagentix.demo.store import Manifest, Store

_RBAC = "rbac.authorization.k8s.io"
_READ = ["get", "list", "watch"]
_WRITE = ["create", "delete", "deletecollection", "patch", "update"]
_VIEWED = {
    "": (
        *("configmaps", "endpoints", "events", "limitranges", "namespaces", "persistentvolumeclaims", "pods"),
        *("pods/log", "pods/status", "replicationcontrollers", "resourcequotas", "serviceaccounts", "services"),
    ),
    "apps": ("controllerrevisions", "daemonsets", "deployments", "deployments/scale", "replicasets", "statefulsets"),
    "autoscaling": ("horizontalpodautoscalers",),
    "batch": ("cronjobs", "jobs"),
    "discovery.k8s.io": ("endpointslices",),
    "networking.k8s.io": ("ingresses", "networkpolicies"),
    "policy": ("poddisruptionbudgets",),
    "metrics.k8s.io": ("pods", "nodes"),
}
_DISCOVERY_PATHS = [
    *("/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/openapi", "/openapi/*"),
    *("/readyz", "/version", "/version/"),
]
NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")


def put_bootstrap(store: Store) -> None:
    """Put what is missing of a new cluster's own objects."""
    for manifest in (*_namespaces(), *_roles(), *_bindings()):
        metadata = manifest["metadata"]
        if store.get(manifest["kind"], metadata.get("namespace"), metadata["name"]) is None:
            store.put(manifest)


def _namespaces() -> Iterator[Manifest]:
    for name in NAMESPACES:
        labels = {"kubernetes.io/metadata.name": name}
        yield {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": name, "labels": labels},
            "spec": {"finalizers": ["kubernetes"]},
            "status": {"phase": "Active"},
        }


def _rules(verbs: list[str]) -> list[dict[str, Any]]:
    return [{"apiGroups": [group], "resources": list(names), "verbs": verbs} for group, names in _VIEWED.items()]


def _roles() -> Iterator[Manifest]:
    everything = [
        {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
        {"nonResourceURLs": ["*"], "verbs": ["*"]},
    ]
    secrets = {"apiGroups": [""], "resources": ["secrets"], "verbs": [*_READ, *_WRITE]}
    eviction = {"apiGroups": [""], "resources": ["pods/eviction"], "verbs": ["create"]}
    access = {"apiGroups": [_RBAC], "resources": ["roles", "rolebindings"], "verbs": [*_READ, *_WRITE]}
    edit = [*_rules([*_READ, *_WRITE]), secrets, eviction]
    reviews = [
        {
            "apiGroups": ["authorization.k8s.io"],
            "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
            "verbs": ["create"],
        },
        {"apiGroups": ["authentication.k8s.io"], "resources": ["selfsubjectreviews"], "verbs": ["create"]},
    ]
    yield _role("cluster-admin", everything)
    yield _role("admin", [*edit, access])
    yield _role("edit", edit)
    yield _role("view", _rules(_READ))
    yield _role("system:basic-user", reviews)
    yield _role("system:discovery", [{"nonResourceURLs": _DISCOVERY_PATHS, "verbs": ["get"]}])


def _role(name: str, rules: list[dict[str, Any]]) -> Manifest:
    return {"apiVersion": f"{_RBAC}/v1", "kind": "ClusterRole", "metadata": _metadata(name), "rules": rules}


def _bindings() -> Iterator[Manifest]:
    groups = {
        "cluster-admin": "system:masters",
        "system:basic-user": "system:authenticated",
        "system:discovery": "system:authenticated",
    }
    for role, group in groups.items():
        yield {
            "apiVersion": f"{_RBAC}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": _metadata(role),
            "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": _RBAC, "kind": "Group", "name": group}],
        }


def _metadata(name: str) -> dict[str, Any]:
    return {"name": name, "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"}}

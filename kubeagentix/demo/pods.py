"""Pods as the API server admits them: made from a template, completed with its defaults, or refused in its words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from kubeagentix.demo.extensions import unanswered_webhook
from kubeagentix.demo.scheduler import requests_of
from kubeagentix.demo.selectors import selects
from kubeagentix.demo.store import Manifest, plain_copy
from kubeagentix.demo.world import AdmissionRule, World, metadata, token
from kubeagentix.domain.quantities import format_bytes, format_cpu, quantity_or_zero

_TOKEN_MOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105  a path, no secret
_NOT_READY_S = 300  # DefaultTolerationSeconds admission
_PRIVILEGE = (
    "allowPrivilegeEscalation != false (container {name!r} must set securityContext.allowPrivilegeEscalation=false)",
    "unrestricted capabilities (container {name!r} must set securityContext.capabilities.drop=['ALL'])",
    "runAsNonRoot != true (pod or container {name!r} must set securityContext.runAsNonRoot=true)",
    (
        "seccompProfile (pod or container {name!r} must set securityContext.seccompProfile.type to "
        "'RuntimeDefault' or 'Localhost')"
    ),
)


class RefusedError(Exception):
    """The API server does not take a pod; the text is its message."""


def with_template_defaults(template: Mapping[str, Any]) -> Manifest:
    """A pod template as the API server stores it, every defaulted field filled in."""
    result: Manifest = plain_copy(template)
    result.setdefault("metadata", {}).setdefault("creationTimestamp", None)
    spec = result["spec"]
    defaults = {
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "securityContext": {},
        "schedulerName": "default-scheduler",
    }
    for key, value in defaults.items():
        spec.setdefault(key, value)
    if "serviceAccountName" in spec:
        spec.setdefault("serviceAccount", spec["serviceAccountName"])
    for container in (*spec["containers"], *spec.get("initContainers", ())):
        _default_container(container)
    for volume in spec.get("volumes", ()):
        for source in ("configMap", "secret"):
            if source in volume:
                volume[source].setdefault("defaultMode", 420)
    return result


def _default_container(container: Manifest) -> None:
    container.setdefault("resources", {})
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    is_latest = container["image"].endswith(":latest") or ":" not in container["image"].rpartition("/")[2]
    container.setdefault("imagePullPolicy", "Always" if is_latest else "IfNotPresent")
    for port in container.get("ports", ()):
        port.setdefault("protocol", "TCP")
    for name in ("readinessProbe", "livenessProbe", "startupProbe"):
        if probe := container.get(name):
            for key, value in (("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1)):
                probe.setdefault(key, value)
            probe.setdefault("failureThreshold", 3)
            if "httpGet" in probe:
                probe["httpGet"].setdefault("scheme", "HTTP")
                probe["httpGet"].setdefault("path", "/")


def admit_pod(
    world: World,
    owner: Mapping[str, Any],
    template: Mapping[str, Any],
    name: str,
    created: datetime,
    *,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    spec: Mapping[str, Any] | None = None,
) -> Manifest:
    """Create a pod of `template`, controlled by `owner`; returns it as stored. Raises RefusedError."""
    complete = with_template_defaults(template)
    namespace, given = owner["metadata"]["namespace"], complete["metadata"]
    pod: Manifest = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata(
            name,
            namespace,
            created=created,
            labels={**(given.get("labels") or {}), **(labels or {})},
            annotations={**(given.get("annotations") or {}), **(annotations or {})},
            owner=owner,
        ),
        "spec": {**complete["spec"], **(spec or {})},
        "status": {"phase": "Pending"},
    }
    if not name.endswith(tuple("0123456789")) or owner["kind"] != "StatefulSet":
        pod["metadata"]["generateName"] = f"{name.rpartition('-')[0]}-"
    complete_pod(pod)
    _check_account(pod, world)
    _check_security(pod, world)
    _check_webhooks(pod, world)
    _check_quotas(pod, world)
    return world.store.put(pod)


def complete_pod(pod: Manifest) -> None:
    """Fill in what admission adds to a pod: its service account's token, tolerations, priority."""
    spec = pod["spec"]
    account = spec.setdefault("serviceAccountName", "default")
    spec.setdefault("serviceAccount", account)
    spec.setdefault("priority", 0)
    spec.setdefault("preemptionPolicy", "PreemptLowerPriority")
    spec.setdefault("enableServiceLinks", True)
    tolerations = spec.setdefault("tolerations", [])
    for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"):
        if not any(item.get("key") in (None, key) for item in tolerations):
            tolerations.append(
                {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": _NOT_READY_S}
            )
    volumes = spec.setdefault("volumes", [])
    if any("projected" in volume for volume in volumes) or spec.get("automountServiceAccountToken") is False:
        return
    volume_name = f"kube-api-access-{token(pod['metadata']['name'], 5)}"
    volumes.append({"name": volume_name, "projected": {"defaultMode": 420, "sources": _TOKEN_SOURCES}})
    for container in (*spec["containers"], *spec.get("initContainers", ())):
        mount = {"name": volume_name, "readOnly": True, "mountPath": _TOKEN_MOUNT}
        container["volumeMounts"] = [*container.get("volumeMounts", ()), mount]


_TOKEN_SOURCES = [
    {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
    {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
    {
        "downwardAPI": {
            "items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]
        }
    },
]


def _check_account(pod: Mapping[str, Any], world: World) -> None:
    namespace, account = pod["metadata"]["namespace"], pod["spec"]["serviceAccountName"]
    if world.find("ServiceAccount", namespace, account) is None:
        why = f'error looking up service account {namespace}/{account}: serviceaccount "{account}" not found'
        raise RefusedError(f'pods "{pod["metadata"].get("generateName", "")}" is forbidden: {why}')


def _check_security(pod: Mapping[str, Any], world: World) -> None:
    """Pod Security admission at level restricted. Source: pod-security-admission's policy checks."""
    namespace = world.find("Namespace", "", pod["metadata"]["namespace"]) or {"metadata": {}}
    labels = namespace["metadata"].get("labels") or {}
    if labels.get("pod-security.kubernetes.io/enforce") != "restricted":
        return
    whole = pod["spec"].get("securityContext") or {}
    for container in pod["spec"]["containers"]:
        context = {**whole, **(container.get("securityContext") or {})}
        holds = (
            context.get("allowPrivilegeEscalation") is False,
            "ALL" in ((context.get("capabilities") or {}).get("drop") or ()),
            context.get("runAsNonRoot") is True,
            bool(context.get("seccompProfile")),
        )
        broken = [
            text.format(name=container["name"]) for text, is_met in zip(_PRIVILEGE, holds, strict=True) if not is_met
        ]
        if broken:
            rules = ", ".join(broken).replace("'", '"')
            raise RefusedError(
                f'pods "{pod["metadata"]["name"]}" is forbidden: violates PodSecurity "restricted:latest": {rules}'
            )


def _check_webhooks(pod: Mapping[str, Any], world: World) -> None:
    if why := unanswered_webhook(pod, world):
        raise RefusedError(why)
    for rule in world.admission:
        is_asked = rule.namespace == pod["metadata"]["namespace"] and _is_configured(rule, world)
        if is_asked and (why := rule.refuse(pod)):
            raise RefusedError(f'admission webhook "{rule.webhook}" denied the request: {why}')


def _is_configured(rule: AdmissionRule, world: World) -> bool:
    labels = (world.find("Namespace", "", rule.namespace) or {"metadata": {}})["metadata"].get("labels") or {}
    return any(
        hook["name"] == rule.webhook and selects(hook.get("namespaceSelector") or {}, labels)
        for configuration in world.all("ValidatingWebhookConfiguration")
        for hook in configuration.get("webhooks") or ()
    )


def _check_quotas(pod: Mapping[str, Any], world: World) -> None:
    wanted = quota_usage([pod])
    for quota in world.all("ResourceQuota", pod["metadata"]["namespace"]):
        hard, used = quota["spec"]["hard"], used_of_quota(quota, world)
        over = [
            name
            for name, limit in hard.items()
            if wanted.get(name, 0) and used[name] + wanted[name] > quantity_or_zero(limit)
        ]
        if over:
            requested = ",".join(f"{name}={format_quota(name, wanted[name])}" for name in over)
            taken = ",".join(f"{name}={format_quota(name, used[name])}" for name in over)
            limited = ",".join(f"{name}={hard[name]}" for name in over)
            raise RefusedError(
                f'pods "{pod["metadata"]["name"]}" is forbidden: exceeded quota: {quota["metadata"]["name"]}, '
                f"requested: {requested}, used: {taken}, limited: {limited}"
            )


def used_of_quota(quota: Mapping[str, Any], world: World) -> dict[str, float]:
    """What counts against each of a quota's hard limits, in base units."""
    pods = [
        pod
        for pod in world.all("Pod", quota["metadata"]["namespace"])
        if (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed")
    ]
    usage = quota_usage(pods)
    return {name: usage.get(name, 0.0) for name in quota["spec"]["hard"]}


def quota_usage(pods: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Pods' use by the names quotas have: `pods`, `requests.cpu`, `limits.memory`."""
    usage: dict[str, float] = {"pods": float(len(pods))}
    for pod in pods:
        for name, value in requests_of(pod).items():
            usage[f"requests.{name}"] = usage.get(f"requests.{name}", 0.0) + value
        for container in pod["spec"]["containers"]:
            for name, value in ((container.get("resources") or {}).get("limits") or {}).items():
                usage[f"limits.{name}"] = usage.get(f"limits.{name}", 0.0) + quantity_or_zero(value)
    return usage


def format_quota(name: str, value: float) -> str:
    """A quota's number as the API writes it."""
    if name.endswith("cpu"):
        return format_cpu(value) if value else "0"
    return format_bytes(value) if name.endswith(("memory", "storage")) else f"{value:g}"

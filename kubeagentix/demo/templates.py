"""Containers, pod templates, Job specs and webhooks as people write them."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from kubeagentix.demo.pods import with_template_defaults
from kubeagentix.demo.store import Manifest, plain_copy


def container(
    name: str,
    image: str,
    *,
    port: int | None = None,
    port_name: str = "http",
    env: Mapping[str, Any] | None = None,
    requests: Mapping[str, str] | None = None,
    limits: Mapping[str, str] | None = None,
    readiness: str = "/readyz",
    liveness: str = "",
    **fields: Any,
) -> Manifest:
    """A container as people write one: requests and limits, and HTTP probes if it has a port.

    `env` values are texts, or `valueFrom` sources; `fields` are further fields of the API, such as `command`.
    """
    result: Manifest = {"name": name, "image": image}
    if port is not None:
        result["ports"] = [{"name": port_name, "containerPort": port}]
        if readiness:
            result["readinessProbe"] = {"httpGet": {"path": readiness, "port": port_name}, "periodSeconds": 5}
        if liveness:
            result["livenessProbe"] = {"httpGet": {"path": liveness, "port": port_name}, "initialDelaySeconds": 15}
    if env:
        result["env"] = [
            {"name": key, "value": value} if isinstance(value, str) else {"name": key, "valueFrom": value}
            for key, value in env.items()
        ]
    asked = {"cpu": "50m", "memory": "64Mi"} if requests is None else dict(requests)
    capped = {"memory": "256Mi"} if limits is None else dict(limits)
    result["resources"] = {key: value for key, value in (("requests", asked), ("limits", capped)) if value}
    return {**result, **fields}


def from_secret(name: str, key: str) -> Manifest:
    """The source of a variable: a key of a Secret."""
    return {"secretKeyRef": {"name": name, "key": key}}


def pod_template(
    name: str, containers: Iterable[Manifest], labels: Mapping[str, str] | None, pod: Mapping[str, Any] | None
) -> Manifest:
    """A pod template labelled `app: <name>`, completed with the API server's defaults."""
    spec = {"containers": [plain_copy(item) for item in containers], **plain_copy(dict(pod or {}))}
    return with_template_defaults({"metadata": {"labels": {"app": name, **(labels or {})}}, "spec": spec})


def latest_runs(schedule: str, count: int, now: datetime) -> list[datetime]:
    """When a schedule (`*/20 * * * *`, `15 * * * *`) last came due, oldest first; not in the last two minutes."""
    minute = schedule.split(maxsplit=1)[0]
    every, offset = (int(minute[2:]), 0) if minute.startswith("*/") else (60, int(minute))
    now_min = int(now.timestamp()) // 60 - 2
    last_min = (now_min - offset) // every * every + offset
    return [datetime.fromtimestamp((last_min - every * back) * 60, UTC) for back in reversed(range(count))]


def job_spec(name: str, containers: Iterable[Manifest], backoff_limit: int) -> Manifest:
    """A Job spec whose pods are not restarted."""
    return {
        "backoffLimit": backoff_limit,
        "completions": 1,
        "parallelism": 1,
        "template": pod_template(name, containers, None, {"restartPolicy": "Never"}),
    }


def pod_webhook(name: str, namespace: str) -> Manifest:
    """`webhooks[]` of a ValidatingWebhookConfiguration that looks at new pods of one namespace."""
    return {
        "name": name,
        "admissionReviewVersions": ["v1"],
        "clientConfig": {"url": f"https://{name}/v1/admit"},
        "failurePolicy": "Fail",
        "matchPolicy": "Equivalent",
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "objectSelector": {},
        "rules": [
            {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"], "scope": "*"}
        ],
        "sideEffects": "None",
        "timeoutSeconds": 3,
    }


def service_webhook(name: str, service: str, namespace: str, selector: Mapping[str, str], authority: bytes) -> Manifest:
    """`webhooks[]` that ask a Service about new pods of the namespaces with those labels."""
    bundle = base64.b64encode(authority).decode()
    target = {"name": service, "namespace": namespace, "path": "/validate", "port": 443}
    client = {"caBundle": bundle, "service": target}
    return {**pod_webhook(name, ""), "clientConfig": client, "namespaceSelector": {"matchLabels": dict(selector)}}


def api_service_spec(group: str, service: str, namespace: str = "kube-system", version: str = "v1beta1") -> Manifest:
    """`spec` of an APIService whose group a Service answers for."""
    return {
        "group": group,
        "version": version,
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
        "insecureSkipTLSVerify": True,
        "service": {"name": service, "namespace": namespace, "port": 443},
    }


def definition_spec(group: str, kind: str, plural: str) -> Manifest:
    """`spec` of the definition of a namespaced kind in one version, with a status."""
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema, "subresources": {"status": {}}}
    names = {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()}
    return {"group": group, "scope": "Namespaced", "names": names, "versions": [version]}

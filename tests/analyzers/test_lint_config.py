"""Advice on ConfigMaps and Secrets: what nothing names, and what must not be taken for that."""

from __future__ import annotations

from typing import Any

import pytest

from kubeagentix.analyzers.lint_config import plugin
from kubeagentix.domain.diagnosis import Gap, Severity
from kubeagentix.testing import snapshot_of


def reasons(*manifests: Any) -> list[str]:
    findings = list(plugin.analyze(snapshot_of(*manifests)))
    assert plugin.is_lint
    assert all(item.severity is Severity.INFO and item.evidence for item in findings)
    return [item.reason.removeprefix("Lint/") for item in findings]


def config(name: str = "app", keys: str = "a b", namespace: str = "default", **metadata: Any) -> dict[str, Any]:
    data = dict.fromkeys(keys.split(), "1")
    return {"kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace, **metadata}, "data": data}


def secret(name: str = "app", of_type: str = "Opaque", **metadata: Any) -> dict[str, Any]:
    data = {"a": "MQ==", "b": "MQ=="}
    return {"kind": "Secret", "metadata": {"name": name, **metadata}, "type": of_type, "data": data}


def pod(**container: Any) -> dict[str, Any]:
    volumes = container.pop("volumes", [])
    return {
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "c", **container}], "volumes": volumes},
    }


def key_of(kind: str, key: str) -> dict[str, Any]:
    return {"name": key.upper(), "valueFrom": {f"{kind}KeyRef": {"name": "app", "key": key}}}


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        (pod(), ["UnusedConfigMap"]),
        (pod(envFrom=[{"configMapRef": {"name": "app"}}]), []),
        (pod(envFrom=[{"secretRef": {"name": "app"}}]), ["UnusedConfigMap"]),
        (pod(env=[key_of("configMap", "a")]), ["UnusedKey"]),
        (pod(env=[key_of("configMap", "a"), key_of("configMap", "b")]), []),
        (pod(volumes=[{"name": "v", "configMap": {"name": "app"}}]), []),
        (
            pod(volumes=[{"name": "v", "configMap": {"name": "app", "items": [{"key": "a", "path": "a"}]}}]),
            ["UnusedKey"],
        ),
        (pod(volumes=[{"name": "v", "projected": {"sources": [{"configMap": {"name": "app"}}]}}]), []),
        (pod(args=["--config=$(NAMESPACE)/app"]), []),  # it asks the API for it
        (pod(args=["--config=application"]), ["UnusedConfigMap"]),
    ],
)
def test_a_config_map_and_its_keys(user: dict[str, Any], expected: list[str]) -> None:
    assert reasons(config(), user) == expected


@pytest.mark.parametrize(
    "manifest",
    [
        config("kube-root-ca.crt"),
        config(namespace="kube-system"),
        config(ownerReferences=[{"kind": "Operator", "name": "o"}]),
        config(annotations={"control-plane.alpha.kubernetes.io/leader": "{}"}),
        config(creationTimestamp="2026-01-15T11:55:00Z"),
        secret(of_type="helm.sh/release.v1"),
        secret(of_type="kubernetes.io/service-account-token"),
    ],
)
def test_what_has_readers_of_its_own_or_is_young_is_left_alone(manifest: dict[str, Any]) -> None:
    assert reasons(manifest) == []


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        (pod(), ["UnusedSecret"]),
        (pod(env=[key_of("secret", "a")]), ["UnusedKey"]),
        ({"kind": "ServiceAccount", "metadata": {"name": "s"}, "imagePullSecrets": [{"name": "app"}]}, []),
        ({"kind": "Ingress", "metadata": {"name": "i"}, "spec": {"tls": [{"secretName": "app"}]}}, []),
        ({"kind": "Ingress", "metadata": {"name": "i", "annotations": {"n/auth-secret": "app"}}}, []),
        ({"kind": "Pod", "metadata": {"name": "p"}, "spec": {"imagePullSecrets": [{"name": "app"}]}}, []),
    ],
)
def test_a_secret_and_its_keys(user: dict[str, Any], expected: list[str]) -> None:
    assert reasons(secret(), user) == expected


def test_keys_that_go_together_are_none_too_many() -> None:
    assert reasons(secret(of_type="kubernetes.io/tls"), pod(env=[key_of("secret", "a")])) == []


@pytest.mark.parametrize("kind", ["Ingress", "ReplicationController"])
def test_nothing_is_said_where_its_users_were_not_read(kind: str) -> None:
    gap = Gap(what="some objects", why="403", kind=kind)
    assert list(plugin.analyze(snapshot_of(config(), gaps=[gap]))) == []

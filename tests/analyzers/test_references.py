"""What templates name and is not there."""

from __future__ import annotations

from typing import Any

import pytest

from kubeagentix.analyzers.references import plugin
from kubeagentix.domain.diagnosis import Finding, Gap, Severity
from kubeagentix.testing import snapshot_of


def deployment(replicas: int = 1, **spec: Any) -> dict[str, Any]:
    container = {"name": "app", "image": "i", **spec.pop("container", {})}
    return {
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"replicas": replicas, "template": {"spec": {"containers": [container], **spec}}},
    }


def key_ref(kind: str, name: str, key: str, *, optional: bool = False) -> dict[str, Any]:
    ref = {"name": name, "key": key, "optional": optional}
    return {"env": [{"name": "X", "valueFrom": {f"{kind}KeyRef": ref}}]}


def volume(**source: Any) -> dict[str, Any]:
    return {"volumes": [{"name": "v", **source}]}


CONFIG = {"kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"color": "blue"}}
SECRET = {"kind": "Secret", "metadata": {"name": "token"}, "type": "Opaque", "data": {"key": "eA=="}}
CLAIM = {"kind": "PersistentVolumeClaim", "metadata": {"name": "data"}}


def found(*manifests: dict[str, Any], **options: Any) -> list[Finding]:
    return list(plugin.analyze(snapshot_of(*manifests, **options)))


@pytest.mark.parametrize(
    ("spec", "reason", "missing"),
    [
        (
            {"container": key_ref("configMap", "setings", "color")},
            "CreateContainerConfigError/ConfigMapNotFound",
            "ConfigMap default/setings",
        ),
        (
            {"container": {"envFrom": [{"secretRef": {"name": "tokn"}}]}},
            "CreateContainerConfigError/SecretNotFound",
            "Secret default/tokn",
        ),
        (
            {"container": key_ref("configMap", "settings", "colour")},
            "CreateContainerConfigError/ConfigMapKeyNotFound",
            "ConfigMap default/settings",
        ),
        (
            {"container": key_ref("secret", "token", "kee")},
            "CreateContainerConfigError/SecretKeyNotFound",
            "Secret default/token",
        ),
        (volume(configMap={"name": "setings"}), "FailedMount/ConfigMapNotFound", "ConfigMap default/setings"),
        (volume(secret={"secretName": "tokn"}), "FailedMount/SecretNotFound", "Secret default/tokn"),
        (
            volume(secret={"secretName": "token", "items": [{"key": "kee", "path": "k"}]}),
            "FailedMount/KeyNotFound",
            "Secret default/token",
        ),
        (
            volume(projected={"sources": [{"secret": {"name": "tokn"}}]}),
            "FailedMount/SecretNotFound",
            "Secret default/tokn",
        ),
        (
            volume(persistentVolumeClaim={"claimName": "dta"}),
            "Unschedulable/VolumeClaimNotFound",
            "PersistentVolumeClaim default/dta",
        ),
        ({"serviceAccountName": "robot"}, "ServiceAccountNotFound", "ServiceAccount default/robot"),
        ({"priorityClassName": "gold"}, "FailedCreate/PriorityClassNotFound", "PriorityClass gold"),
    ],
)
def test_what_is_missing_is_pointed_at(spec: dict[str, Any], reason: str, missing: str) -> None:
    (finding,) = found(deployment(**spec), CONFIG, SECRET, CLAIM)
    assert finding.reason == reason
    assert [str(ref) for ref in finding.points_at] == [missing]
    assert str(finding.ref) == "Deployment default/web"
    assert finding.severity is Severity.CRITICAL
    assert finding.evidence


def test_the_nearest_name_is_told() -> None:
    (finding,) = found(deployment(**volume(configMap={"name": "setings"})), CONFIG)
    assert "the nearest there is settings" in finding.cause


@pytest.mark.parametrize(
    "spec",
    [
        {"container": key_ref("configMap", "settings", "color")},
        {"container": key_ref("secret", "token", "key")},
        {"container": key_ref("configMap", "absent", "color", optional=True)},
        {"container": {"envFrom": [{"configMapRef": {"name": "absent", "optional": True}}]}},
        volume(secret={"secretName": "absent", "optional": True}),
        volume(projected={"sources": [{"configMap": {"name": "kube-root-ca.crt"}}]}),
        volume(persistentVolumeClaim={"claimName": "data"}),
        {"serviceAccountName": "default"},
    ],
)
def test_what_is_there_or_optional_or_automatic_is_silent(spec: dict[str, Any]) -> None:
    assert found(deployment(**spec), CONFIG, SECRET, CLAIM) == []


def test_keys_that_the_nearest_object_lacks_and_other_namespaces_are_told() -> None:
    (finding,) = found(deployment(container=key_ref("configMap", "setings", "colour")), CONFIG)
    assert finding.title.endswith("does not exist in namespace default (there is settings)")
    assert finding.cause.endswith("the nearest there is settings. Its keys: color. Was color meant?")
    elsewhere = {**CONFIG, "metadata": {"name": "absent", "namespace": "other"}}
    (finding,) = found(deployment(**volume(configMap={"name": "absent"})), elsewhere)
    assert finding.cause.endswith("Namespace other has one of that name, but a pod gets only what is in its own.")


def test_what_could_not_be_read_is_not_missing() -> None:
    gap = Gap(what="secrets", why="403", kind="Secret")
    assert found(deployment(imagePullSecrets=[{"name": "x"}], **volume(secret={"secretName": "x"})), gaps=[gap]) == []


def test_one_missing_object_named_twice_is_one_finding() -> None:
    twice = deployment(
        container=key_ref("configMap", "absent", "a") | {"envFrom": [{"configMapRef": {"name": "absent"}}]}
    )
    (finding,) = found(twice)
    assert len(finding.evidence) == 2


def pod_of_web(state: dict[str, Any]) -> list[dict[str, Any]]:
    def owner(kind: str, name: str) -> list[dict[str, Any]]:
        return [{"kind": kind, "name": name, "controller": True}]

    return [
        {"kind": "ReplicaSet", "metadata": {"name": "web-1", "ownerReferences": owner("Deployment", "web")}},
        {
            "kind": "Pod",
            "metadata": {"name": "web-1-x", "ownerReferences": owner("ReplicaSet", "web-1")},
            "status": {"phase": "Running", "containerStatuses": [{"name": "app", "state": state}]},
        },
    ]


def test_pods_that_run_already_make_it_a_warning() -> None:
    broken = deployment(**volume(configMap={"name": "absent"}))
    assert [item.severity for item in found(broken, *pod_of_web({"running": {}}))] == [Severity.WARNING]
    waiting = {"waiting": {"reason": "ContainerCreating"}}
    assert [item.severity for item in found(broken, *pod_of_web(waiting))] == [Severity.CRITICAL]


def test_where_no_pods_are_wanted_it_is_only_advice() -> None:
    assert [item.severity for item in found(deployment(0, serviceAccountName="robot"))] == [Severity.INFO]


def test_the_template_inside_a_cron_job_is_read_too() -> None:
    pod = {"spec": {"containers": [{"name": "app", "envFrom": [{"configMapRef": {"name": "absent"}}]}]}}
    cron = {"kind": "CronJob", "metadata": {"name": "nightly"}, "spec": {"jobTemplate": {"spec": {"template": pod}}}}
    (finding,) = found(cron)
    assert (str(finding.ref), finding.severity) == ("CronJob default/nightly", Severity.WARNING)


def pull_secret(kind: str, config: str = "eyJhdXRocyI6e319") -> dict[str, Any]:
    return {"kind": "Secret", "metadata": {"name": "registry"}, "type": kind, "data": {".dockerconfigjson": config}}


def test_a_missing_pull_secret_is_a_warning() -> None:
    (finding,) = found(
        deployment(imagePullSecrets=[{"name": "registri"}]), pull_secret("kubernetes.io/dockerconfigjson")
    )
    assert (finding.reason, finding.severity) == ("ImagePullSecretNotFound", Severity.WARNING)
    assert "registry" in finding.cause


def test_a_pull_secret_named_by_the_service_account_counts() -> None:
    account = {"kind": "ServiceAccount", "metadata": {"name": "default"}, "imagePullSecrets": [{"name": "registry"}]}
    (finding,) = found(deployment(), account)
    assert finding.reason == "ImagePullSecretNotFound"
    assert "ServiceAccount default/default names" in finding.cause


@pytest.mark.parametrize(
    ("secret", "reasons"),
    [
        (pull_secret("Opaque"), ["ImagePullSecretInvalid"]),
        (pull_secret("kubernetes.io/dockerconfigjson", "bm8ganNvbg=="), ["ImagePullSecretInvalid"]),
        (pull_secret("kubernetes.io/dockerconfigjson"), []),
    ],
)
def test_a_pull_secret_must_be_one(secret: dict[str, Any], reasons: list[str]) -> None:
    assert [item.reason for item in found(deployment(imagePullSecrets=[{"name": "registry"}]), secret)] == reasons


def test_priority_classes_that_are_there_or_built_in_or_not_read_are_silent() -> None:
    gold = {"kind": "PriorityClass", "metadata": {"name": "gold"}}
    gap = Gap(what="priorityclasses", why="403", kind="PriorityClass")
    assert found(deployment(priorityClassName="gold"), gold) == []
    assert found(deployment(priorityClassName="system-node-critical")) == []
    assert found(deployment(priorityClassName="gold"), gaps=[gap]) == []
    (finding,) = found(deployment(priorityClassName="golden"), gold)
    assert finding.remedies[1].title == "Name gold"


def test_the_classes_of_the_system_itself_are_not_recommended() -> None:
    system = {"kind": "PriorityClass", "metadata": {"name": "system-cluster-critical"}}
    (finding,) = found(deployment(priorityClassName="business-critical"), system)
    assert "nearest" not in finding.cause
    assert finding.remedies[1].title == "Name one that exists"

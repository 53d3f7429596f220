"""ReplicaSets of their own and ReplicationControllers: short of replicas, and the near misses that stay silent."""

from __future__ import annotations

import pytest

from kubeagentix.analyzers.replica_sets import analyze
from kubeagentix.domain.diagnosis import Finding, Severity
from kubeagentix.testing import snapshot_of

LONG_AGO = "2026-01-15T08:00:00Z"
JUST_NOW = "2026-01-15T11:59:40Z"
KINDS = ("ReplicaSet", "ReplicationController")


def replicator(kind: str, *, wanted: int = 2, present: int = 2, ready: int = 0, owner: str = "") -> str:
    selector = "{matchLabels: {app: web}}" if kind == "ReplicaSet" else "{app: web}"
    return f"""
kind: {kind}
metadata: {{name: web, generation: 1, creationTimestamp: "{LONG_AGO}"{owner}}}
spec:
  replicas: {wanted}
  selector: {selector}
  template: {{metadata: {{labels: {{app: web}}}}, spec: {{containers: [{{name: app, image: shop/web:1}}]}}}}
status: {{observedGeneration: 1, replicas: {present}, readyReplicas: {ready}}}
"""


def pod(kind: str, name: str, *, since: str = LONG_AGO) -> str:
    return f"""
kind: Pod
metadata:
  name: {name}
  creationTimestamp: "{since}"
  ownerReferences: [{{kind: {kind}, name: web, controller: true}}]
spec: {{nodeName: n1, containers: [{{name: app, image: shop/web:1}}]}}
status:
  phase: Running
  conditions: [{{type: Ready, status: "False", lastTransitionTime: "{since}", message: "unready: [app]"}}]
  containerStatuses: [{{name: app, state: {{running: {{startedAt: "{since}"}}}}}}]
"""


def find(*manifests: str) -> list[Finding]:
    return list(analyze(snapshot_of(*manifests)))


@pytest.mark.parametrize("kind", KINDS)
def test_unready_pods_are_counted_on_what_keeps_them(kind: str) -> None:
    (finding,) = find(replicator(kind, ready=1), pod(kind, "web-a"))
    assert str(finding.ref) == f"{kind} default/web"
    assert finding.reason == "MinimumReplicasUnavailable"
    assert finding.is_symptom
    assert finding.severity is Severity.WARNING
    assert "1 of 2 replicas ready for 4h" in finding.title


@pytest.mark.parametrize("kind", KINDS)
def test_pods_that_were_never_made_are_missed(kind: str) -> None:
    (finding,) = find(replicator(kind, present=0))
    assert finding.severity is Severity.CRITICAL


@pytest.mark.parametrize("kind", KINDS)
def test_pods_that_have_just_started_are_silent(kind: str) -> None:
    assert find(replicator(kind), pod(kind, "web-a", since=JUST_NOW)) == []


@pytest.mark.parametrize("kind", KINDS)
def test_scaling_that_the_controller_has_not_seen_yet_is_silent(kind: str) -> None:
    assert find(replicator(kind, wanted=3, present=2, ready=2).replace("generation: 1", "generation: 2")) == []


@pytest.mark.parametrize("kind", KINDS)
def test_scaled_to_zero_is_information(kind: str) -> None:
    (finding,) = find(replicator(kind, wanted=0, present=0))
    assert (finding.reason, finding.severity) == ("ScaledToZero", Severity.INFO)


def test_a_deployment_speaks_for_its_own() -> None:
    owner = ", ownerReferences: [{kind: Deployment, name: web, controller: true}]"
    assert find(replicator("ReplicaSet", present=0, owner=owner)) == []


def test_other_controllers_are_spoken_for() -> None:
    owner = ", ownerReferences: [{kind: Rollout, name: web, controller: true}]"
    old = replicator("ReplicaSet", wanted=0, present=0, owner=owner).replace("name: web,", "name: old,", 1)
    (finding,) = find(replicator("ReplicaSet", present=0, owner=owner), old)
    assert str(finding.ref) == "Rollout default/web"
    assert find(old) == []

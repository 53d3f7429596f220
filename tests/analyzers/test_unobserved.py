"""Workloads that no controller has looked at, and those that only look so."""

from __future__ import annotations

import pytest

from kubeagentix.analyzers.unobserved import analyze
from kubeagentix.domain.diagnosis import Finding, Severity
from kubeagentix.testing import snapshot_of

KINDS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController")


def workload(kind: str, *, observed: int = 0, made: str = "11:00:00", extra: str = "") -> str:
    return f"""
kind: {kind}
metadata: {{name: web, generation: 2, creationTimestamp: "2026-01-15T{made}Z"{extra}}}
status: {{observedGeneration: {observed}}}
"""


def job(made: str = "11:00:00", spec: str = "{}", status: str = "{}") -> str:
    return f"""
kind: Job
metadata: {{name: web, generation: 1, creationTimestamp: "2026-01-15T{made}Z"}}
spec: {spec}
status: {status}
"""


def event(kind: str) -> str:
    return f"""
kind: Event
metadata: {{name: e}}
involvedObject: {{kind: {kind}, namespace: default, name: web}}
reason: FailedCreate
"""


def find(*manifests: str) -> list[Finding]:
    return list(analyze(snapshot_of(*manifests)))


@pytest.mark.parametrize("kind", KINDS)
def test_never_looked_at_is_critical(kind: str) -> None:
    (finding,) = find(workload(kind))
    assert (finding.reason, finding.severity) == ("GenerationNotObserved", Severity.CRITICAL)
    assert finding.title == f"The {kind} controller has never looked at {kind} default/web, made 60m ago"


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_young_seen_or_another_ones_is_silent(kind: str) -> None:
    assert find(workload(kind, observed=2)) == []
    assert find(workload(kind, extra=", ownerReferences: [{kind: Thing, name: t, controller: true}]")) == []
    told = find(workload(kind, made="11:59:00")), find(workload(kind), event(kind))
    assert all(item.severity is Severity.INFO for found in told for item in found)


def test_a_deployment_whose_newest_change_is_not_handled_is_information() -> None:
    (finding,) = find(workload("Deployment", observed=1))
    assert finding.severity is Severity.INFO
    assert find(workload("DaemonSet", observed=1)) == []


def test_a_job_that_was_never_started() -> None:
    (finding,) = find(job())
    assert (finding.reason, finding.severity) == ("GenerationNotObserved", Severity.CRITICAL)


@pytest.mark.parametrize(
    "manifests",
    [
        (job(made="11:59:00"),),
        (job().replace(', creationTimestamp: "2026-01-15T11:00:00Z"', ""),),
        (job(spec="{suspend: true}"),),
        (job(spec="{parallelism: 0}"),),
        (job(spec="{managedBy: example.com/queue}"),),
        (job(status='{startTime: "2026-01-15T11:00:01Z"}'),),
        (job(status='{conditions: [{type: Complete, status: "True"}]}'),),
        (job(), event("Job")),
    ],
    ids=[
        "young",
        "of unknown age",
        "suspended",
        "no parallelism",
        "another controller's",
        "started",
        "over",
        "refused",
    ],
)
def test_jobs_that_wait_for_another_reason_are_silent(manifests: tuple[str, ...]) -> None:
    assert find(*manifests) == []


def test_the_controller_managers_that_are_pods_are_pointed_at() -> None:
    pod = "kind: Pod\nmetadata: {name: kube-controller-manager-cp-1, namespace: kube-system}"
    other = "kind: Pod\nmetadata: {name: kube-scheduler-cp-1, namespace: kube-system}"
    (finding,) = find(workload("StatefulSet"), pod, other)
    assert [ref.name for ref in finding.points_at] == ["kube-controller-manager-cp-1"]


def test_a_controller_that_was_refused_the_replica_set_is_not_idle() -> None:
    refused = "conditions: [{type: Progressing, status: 'False', reason: ReplicaSetCreateError}]"
    manifest = workload("Deployment").replace("{observedGeneration: 0}", f"{{observedGeneration: 0, {refused}}}")
    assert find(manifest) == []

"""Refused creations are lifted to the workload, and only while something is missing."""

from __future__ import annotations

import pytest

from kubeagentix.analyzers.replica_creation import analyze
from kubeagentix.domain.diagnosis import Finding, Severity
from kubeagentix.testing import snapshot_of

QUOTA = (
    'pods \\"web-1-x\\" is forbidden: exceeded quota: compute, requested: requests.cpu=200m, '
    "used: requests.cpu=400m, limited: requests.cpu=500m"
)
ACCOUNT = (
    'pods \\"w-\\" is forbidden: error looking up service account default/robot: serviceaccount \\"robot\\" not found'
)
DEPLOYMENT = """
kind: Deployment
metadata: {name: web}
spec: {replicas: 4, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}}}
status: {replicas: 2, readyReplicas: 2}
"""


def replica_set(message: str = QUOTA, *, wanted: int = 4, present: int = 2) -> str:
    return f"""
kind: ReplicaSet
metadata: {{name: web-1, ownerReferences: [{{kind: Deployment, name: web, controller: true}}]}}
spec: {{replicas: {wanted}}}
status:
  replicas: {present}
  conditions: [{{type: ReplicaFailure, status: "True", reason: FailedCreate, message: "{message}"}}]
"""


def event(kind: str, name: str, message: str, *, at: str = "2026-01-15T11:50:00Z", reason: str = "FailedCreate") -> str:
    return f"""
kind: Event
metadata: {{name: {name}-{reason}}}
involvedObject: {{kind: {kind}, namespace: default, name: {name}}}
type: {"Warning" if reason == "FailedCreate" else "Normal"}
reason: {reason}
message: "{message}"
lastTimestamp: "{at}"
count: 7
"""


READY_POD = """
kind: Pod
metadata: {name: web-1-a, ownerReferences: [{kind: ReplicaSet, name: web-1, controller: true}]}
status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
"""


def find(*manifests: str) -> list[Finding]:
    return list(analyze(snapshot_of(*manifests)))


def test_quota_is_lifted_to_the_deployment_with_its_numbers() -> None:
    (finding,) = find(DEPLOYMENT, replica_set(), READY_POD)
    assert finding.reason == "FailedCreate/QuotaExceeded"
    assert str(finding.ref) == "Deployment default/web"
    assert finding.severity is Severity.WARNING
    assert "2 pods cannot be created" in finding.title
    assert "200m more is asked for, 400m of 500m are in use" in finding.cause
    assert [str(ref) for ref in finding.points_at] == ["ResourceQuota default/compute"]
    assert "exceeded quota" in finding.evidence[0].excerpt


def test_no_pod_at_all_is_critical() -> None:
    (finding,) = find(DEPLOYMENT, replica_set(ACCOUNT, present=0))
    assert finding.reason == "FailedCreate/ServiceAccountNotFound"
    assert finding.severity is Severity.CRITICAL
    assert [str(ref) for ref in finding.points_at] == ["ServiceAccount default/robot"]
    assert any("create serviceaccount robot -n default" in remedy.command for remedy in finding.remedies)


def test_nothing_missing_any_more_is_silent() -> None:
    assert find(DEPLOYMENT, replica_set(wanted=2, present=2), READY_POD) == []


def test_old_event_before_a_creation_is_silent() -> None:
    stateful_set = "kind: StatefulSet\nmetadata: {name: db}\nspec: {replicas: 3}\nstatus: {replicas: 1}"
    refused = event("StatefulSet", "db", "create Pod db-1 in StatefulSet db failed error: " + QUOTA)
    made = event("StatefulSet", "db", "create Pod db-0 in StatefulSet db successful", reason="SuccessfulCreate")
    later = made.replace("11:50", "11:55")
    assert [finding.reason for finding in find(stateful_set, refused)] == ["FailedCreate/QuotaExceeded"]
    assert find(stateful_set, refused, later) == []


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("DaemonSet", "status: {desiredNumberScheduled: 3, currentNumberScheduled: 1}"),
        ("Job", "spec: {completions: 1, parallelism: 1}"),
        ("StatefulSet", "spec: {replicas: 1}"),
        ("CronJob", 'spec: {schedule: "@daily"}'),
    ],
)
def test_events_of_other_controllers_count_too(kind: str, body: str) -> None:
    owner = f"kind: {kind}\nmetadata: {{name: it}}\n{body}"
    (finding,) = find(owner, event(kind, "it", "Error creating: " + ACCOUNT))
    assert finding.ref.kind == kind
    assert finding.reason == "FailedCreate/ServiceAccountNotFound"
    assert finding.evidence[0].locator == "event/FailedCreate"


def test_failed_job_makes_no_more_pods() -> None:
    job = 'kind: Job\nmetadata: {name: it}\nstatus: {conditions: [{type: Failed, status: "True"}]}'
    assert find(job, event("Job", "it", "Error creating: " + ACCOUNT)) == []


def test_deployment_speaks_for_replica_sets_that_were_not_read() -> None:
    failing = DEPLOYMENT.replace(
        "readyReplicas: 2}",
        f'readyReplicas: 2, conditions: [{{type: ReplicaFailure, status: "True", message: "{QUOTA}"}}]}}',
    )
    (finding,) = find(failing)
    assert finding.reason == "FailedCreate/QuotaExceeded"


def test_webhook_points_at_its_service() -> None:
    message = (
        'Internal error occurred: failed calling webhook \\"a.b\\": Post \\"https://hook.policy.svc:443/v\\": '
        'no endpoints available for service \\"hook\\"'
    )
    (finding,) = find(DEPLOYMENT, replica_set(message, present=0))
    assert finding.reason == "FailedCreate/WebhookUnavailable"
    assert [str(ref) for ref in finding.points_at] == ["Service policy/hook"]

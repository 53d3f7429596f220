"""Refused creations are lifted to the workload, and only while something is missing."""

from __future__ import annotations

from typing import Any

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


def user(name: str, cpu: str) -> str:
    return f"""
kind: Pod
metadata: {{name: {name}}}
spec: {{containers: [{{name: app, resources: {{requests: {{cpu: {cpu}}}}}}}]}}
status: {{phase: Running, conditions: [{{type: Ready, status: "True"}}]}}
"""


def test_the_title_has_the_numbers_and_the_evidence_who_uses_the_quota_up() -> None:
    (finding,) = find(DEPLOYMENT, replica_set(), user("a", "300m"), user("b", "100m"))
    assert "requests.cpu 200m more with 400m of 500m used" in finding.title
    assert [item.summary for item in finding.evidence[1:]] == [
        "Pod default/a uses 300m of the 500m requests.cpu",
        "Pod default/b uses 100m of the 500m requests.cpu",
    ]


def test_users_that_do_not_add_up_are_not_named() -> None:
    (finding,) = find(DEPLOYMENT, replica_set(), user("a", "300m"))
    assert len(finding.evidence) == 1


OLD_SET = replica_set(wanted=1, present=1).replace("web-1", "web-0")
OLD_POD = READY_POD.replace("web-1", "web-0")


def test_an_update_that_cannot_surge_says_what_still_serves() -> None:
    (finding,) = find(DEPLOYMENT, replica_set(present=0), OLD_SET, OLD_POD)
    assert finding.title.endswith("; 1 of the old revision still serves")
    assert any("maxSurge: 0" in remedy.why for remedy in finding.remedies)


def test_pods_of_the_same_revision_are_no_old_ones() -> None:
    (finding,) = find(DEPLOYMENT, replica_set(), READY_POD)
    assert "old revision" not in finding.title
    assert not any("maxSurge" in remedy.why for remedy in finding.remedies)


BOUNDS = """
kind: LimitRange
metadata: {name: bounds}
spec: {limits: [{type: Container, max: {memory: 64Mi}, default: {cpu: 40m}}]}
"""


def test_the_limit_range_whose_bound_it_is_is_named_with_the_numbers() -> None:
    message = 'pods \\"w\\" is forbidden: maximum memory usage per Container is 64Mi, but limit is 128Mi'
    other = "kind: LimitRange\nmetadata: {name: other}\nspec: {limits: [{type: Container, max: {memory: 32Mi}}]}"
    (finding,) = find(DEPLOYMENT, replica_set(message), BOUNDS, other)
    assert finding.reason == "FailedCreate/LimitRange"
    assert "memory limit 128Mi is above the maximum of 64Mi per Container" in finding.title
    assert [str(item.ref) for item in finding.evidence[1:]] == ["LimitRange default/bounds"]


ABOVE = (
    'Pod \\"w\\" is invalid: spec.containers[0].resources.requests: Invalid value: \\"100m\\": must be less than or '
    "equal to cpu limit"
)


def asking(resources: str) -> str:
    template = f"spec: {{replicas: 4, template: {{spec: {{containers: [{{name: app, resources: {resources}}}]}}}}}}"
    return replica_set(ABOVE).replace("spec: {replicas: 4}", template)


def test_a_default_limit_below_the_request_is_the_limit_ranges_doing() -> None:
    (finding,) = find(DEPLOYMENT, asking("{requests: {cpu: 100m}}"), BOUNDS)
    assert finding.reason == "FailedCreate/LimitRange"
    assert "LimitRange bounds limits it to its default of 40m" in finding.cause


def test_a_limit_of_ones_own_below_the_request_is_just_invalid() -> None:
    (finding,) = find(DEPLOYMENT, asking("{requests: {cpu: 100m}, limits: {cpu: 50m}}"), BOUNDS)
    assert finding.reason == "FailedCreate/Invalid"


DAEMON_SET = "kind: DaemonSet\nmetadata: {name: agent, generation: 2}\nstatus: {observedGeneration: 1, %s}"
AGENT = "kind: Pod\nmetadata: {name: agent-a, ownerReferences: [{kind: DaemonSet, name: agent, controller: true}]}"


def test_a_daemon_set_whose_status_was_never_written_is_short_too() -> None:
    refused = event("DaemonSet", "agent", "Error creating: " + QUOTA)
    (finding,) = find("kind: DaemonSet\nmetadata: {name: agent, generation: 1}", refused)
    assert str(finding.ref) == "DaemonSet default/agent"
    stale = DAEMON_SET % "desiredNumberScheduled: 1, currentNumberScheduled: 1"
    assert [item.reason for item in find(stale, refused)] == ["FailedCreate/QuotaExceeded"]
    assert find(stale, AGENT, refused) == []


def test_a_replication_controller_is_refused_as_a_replica_set_is() -> None:
    controller = f"""
kind: ReplicationController
metadata: {{name: old}}
spec: {{replicas: 1}}
status: {{conditions: [{{type: ReplicaFailure, status: "True", reason: FailedCreate, message: "{ACCOUNT}"}}]}}
"""
    (finding,) = find(controller)
    assert (str(finding.ref), finding.reason) == (
        "ReplicationController default/old",
        "FailedCreate/ServiceAccountNotFound",
    )
    assert "no such ServiceAccount: robot" in finding.title


def test_a_rollout_whose_new_replica_set_is_refused_is_told() -> None:
    message = (
        'Failed to create new replica set "web-7f8": Internal error occurred: failed calling webhook "check.example": '
        'Post "https://guard.ops.svc:443/m?timeout=2s": service "guard" not found'
    )
    refused = {"type": "Progressing", "status": "False", "reason": "ReplicaSetCreateError", "message": message}

    def deployment(**changes: Any) -> dict[str, Any]:
        status = {"replicas": 2, "readyReplicas": 2, "updatedReplicas": 0, "conditions": [{**refused, **changes}]}
        return {"kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 2}, "status": status}

    (finding,) = analyze(snapshot_of(deployment()))
    assert (str(finding.ref), finding.reason) == ("Deployment default/web", "FailedCreate/WebhookUnavailable")
    assert [str(ref) for ref in finding.points_at] == ["Service ops/guard"]
    assert list(analyze(snapshot_of(deployment(status="True", reason="ReplicaSetUpdated")))) == []


def refused(name: str, limit: str, bound: str = "64Mi") -> str:
    message = f'pods \\"w\\" is forbidden: maximum memory usage per Container is {bound}, but limit is {limit}'
    return replica_set(message, present=0).replace("web-1", f"{name}-1").replace("name: web,", f"name: {name},")


def test_a_bound_that_several_workloads_break_is_the_limit_ranges_fault() -> None:
    both = [DEPLOYMENT.replace("web", name) + "\n---\n" + refused(name, "128Mi") for name in ("web", "api")]
    assert [[str(ref) for ref in item.points_at] for item in find(*both, BOUNDS)] == [["LimitRange default/bounds"]] * 2
    alone = find(both[0], BOUNDS)
    assert [item.points_at for item in alone] == [()]


CLAIMING = """
kind: StatefulSet
metadata: {name: db, uid: u1, creationTimestamp: "2026-01-15T10:00:00Z"}
spec: {replicas: 1, selector: {matchLabels: {app: db}}, template: {metadata: {labels: {app: db}}}}
status: {replicas: HAS}
---
kind: Event
metadata: {name: e}
type: Warning
reason: FailedCreate
involvedObject: {kind: StatefulSet, namespace: default, name: db, uid: u1}
message: 'create Claim data-db-0 for Pod db-0 in StatefulSet db failed error: persistentvolumeclaims "data-db-0" is
  forbidden: WHY'
lastTimestamp: "2026-01-15T11:59:30Z"
"""
QUOTA = (
    "exceeded quota: small, requested: requests.storage=10Gi, used: requests.storage=0, limited: requests.storage=5Gi"
)
BOUND = "maximum storage usage per PersistentVolumeClaim is 5Gi, but request is 10Gi"


@pytest.mark.parametrize(("why", "reason"), [(QUOTA, "QuotaExceeded"), (BOUND, "LimitRange")])
def test_a_claim_that_is_refused_keeps_the_pod_away(why: str, reason: str) -> None:
    text = CLAIMING.replace("WHY", why)
    (finding,) = find(text.replace("HAS", "0"))
    assert (finding.reason, str(finding.ref)) == (f"FailedCreate/{reason}", "StatefulSet default/db")
    assert "10Gi" in finding.title
    assert find(text.replace("HAS", "1")) == []

"""Deployments: each reason once, and the near misses that stay silent."""

from __future__ import annotations

from kubeagentix.analyzers.deployments import analyze
from kubeagentix.domain.diagnosis import Finding, Severity
from kubeagentix.testing import snapshot_of

LONG_AGO = "2026-01-15T08:00:00Z"
JUST_NOW = "2026-01-15T11:59:40Z"


def deployment(
    *,
    replicas: int = 2,
    ready: int = 2,
    conditions: str = "[]",
    made: str = LONG_AGO,
    spec: str = "",
    status: str = "",
    pod_spec: str = "containers: [{name: app, image: shop/web:1}]",
) -> str:
    return f"""
kind: Deployment
metadata: {{name: web, creationTimestamp: "{made}", generation: 3}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: web}}}}
  template: {{metadata: {{labels: {{app: web}}}}, spec: {{{pod_spec}}}}}
  {spec}
status:
  {{
    observedGeneration: 3, replicas: {replicas}, readyReplicas: {ready}, updatedReplicas: {replicas},
    conditions: {conditions}{status},
  }}
"""


def replica_set(name: str = "web-1", *, ready: int = 0, revision: int = 1) -> str:
    return f"""
kind: ReplicaSet
metadata:
  name: {name}
  annotations: {{deployment.kubernetes.io/revision: "{revision}"}}
  ownerReferences: [{{kind: Deployment, name: web, controller: true}}]
spec: {{replicas: 1}}
status: {{replicas: 1, readyReplicas: {ready}}}
"""


def pod(name: str = "web-1-a", *, since: str = LONG_AGO, node: str = "n1", probe: str = "") -> str:
    return f"""
kind: Pod
metadata:
  name: {name}
  creationTimestamp: "{since}"
  ownerReferences: [{{kind: ReplicaSet, name: web-1, controller: true}}]
spec: {{nodeName: {node}, containers: [{{name: app, image: shop/web:1{probe}}}]}}
status:
  phase: Running
  conditions: [{{type: Ready, status: "False", lastTransitionTime: "{since}", message: "unready: [app]"}}]
  containerStatuses: [{{name: app, state: {{running: {{startedAt: "{since}"}}}}}}]
"""


UNAVAILABLE = '[{type: Available, status: "False", reason: MinimumReplicasUnavailable, lastTransitionTime: "%s"}]'
STUCK = (
    '[{type: Available, status: "True"}, {type: Progressing, status: "False", reason: ProgressDeadlineExceeded, '
    'message: "ReplicaSet \\"web-2\\" has timed out progressing.", lastTransitionTime: "2026-01-15T11:30:00Z"}]'
)


def find(*manifests: str) -> dict[str, Finding]:
    return {finding.reason: finding for finding in analyze(snapshot_of(*manifests))}


def test_healthy_deployment_is_silent() -> None:
    assert find(deployment()) == {}


def test_long_unavailable_is_a_symptom_with_the_count() -> None:
    found = find(deployment(ready=0, conditions=UNAVAILABLE % LONG_AGO), replica_set(), pod())
    finding = found["MinimumReplicasUnavailable"]
    assert finding.is_symptom
    assert finding.severity is Severity.CRITICAL
    assert "0 of 2 replicas ready for 4h" in finding.title
    assert [item.ref.name for item in finding.evidence] == ["web", "web-1-a"]


def test_some_ready_replicas_make_it_a_warning() -> None:
    found = find(deployment(ready=1, conditions=UNAVAILABLE % LONG_AGO))
    assert found["MinimumReplicasUnavailable"].severity is Severity.WARNING


def test_deployment_made_a_moment_ago_is_silent() -> None:
    young = deployment(ready=0, made=JUST_NOW, conditions=UNAVAILABLE % JUST_NOW)
    assert find(young, replica_set(), pod(since=JUST_NOW)) == {}


def test_startup_probe_prolongs_the_start() -> None:
    probe = ", startupProbe: {periodSeconds: 10, failureThreshold: 60}"
    minutes_ago = "2026-01-15T11:55:00Z"
    spec = f"containers: [{{name: app, image: shop/web:1{probe}}}]"
    slow = deployment(ready=0, conditions=UNAVAILABLE % minutes_ago, pod_spec=spec)
    assert find(slow, replica_set(), pod(since=minutes_ago, probe=probe)) == {}
    assert "MinimumReplicasUnavailable" in find(
        deployment(ready=0, conditions=UNAVAILABLE % minutes_ago), replica_set(), pod(since=minutes_ago)
    )


def test_surge_pod_of_a_young_rollout_is_silent_while_enough_are_ready() -> None:
    assert find(deployment(ready=2), replica_set(), pod()) == {}


def test_pods_of_a_broken_node_point_at_it() -> None:
    node = 'kind: Node\nmetadata: {name: n1}\nstatus: {conditions: [{type: Ready, status: "Unknown"}]}'
    found = find(deployment(ready=1), replica_set(), pod(), node)
    assert [ref.kind for ref in found["MinimumReplicasUnavailable"].points_at] == ["Node"]


def test_exceeded_deadline_says_what_the_old_replica_set_serves() -> None:
    found = find(deployment(conditions=STUCK), replica_set("web-1", ready=2), replica_set("web-2", revision=2))
    finding = found["ProgressDeadlineExceeded"]
    assert finding.is_symptom
    assert "the old ReplicaSet still serves 2 pods" in finding.title
    assert "MinimumReplicasUnavailable" not in found


def test_progressing_is_false_for_another_reason_is_silent() -> None:
    assert find(deployment(conditions='[{type: Progressing, status: "False", reason: FailedCreate}]')) == {}


def test_paused_with_waiting_changes_is_a_warning_and_otherwise_information() -> None:
    waiting = find(deployment(spec="paused: true", status=", updatedReplicas: 0"))
    idle = find(deployment(spec="paused: true"))
    assert waiting["DeploymentPaused"].severity is Severity.WARNING
    assert idle["DeploymentPaused"].severity is Severity.INFO


def test_scaled_to_zero_is_information() -> None:
    found = find(deployment(replicas=0, ready=0))
    assert list(found) == ["ScaledToZero"]
    assert found["ScaledToZero"].severity is Severity.INFO


def test_selector_that_misses_the_template() -> None:
    manifest = deployment().replace("matchLabels: {app: web}", "matchLabels: {app: web, tier: front}")
    assert find(manifest)["SelectorMismatch"].severity is Severity.CRITICAL


def test_a_large_image_that_is_being_pulled_is_given_its_minutes() -> None:
    made = "2026-01-15T11:57:00Z"
    starting = pod(since=made).replace("phase: Running", "phase: Pending").replace("running: {startedAt", "waiting: {x")
    pulling = f"""
kind: Event
metadata: {{name: e}}
involvedObject: {{kind: Pod, namespace: default, name: web-1-a}}
reason: Pulling
lastTimestamp: "{made}"
"""
    unavailable = deployment(replicas=1, ready=0, conditions=UNAVAILABLE % made, made=made)
    assert find(unavailable, replica_set(), starting, pulling) == {}
    assert list(find(unavailable, replica_set(), starting)) == ["MinimumReplicasUnavailable"]

"""StatefulSets: what holds the ordinals, and what only looks like it."""

from __future__ import annotations

from kubeagentix.analyzers.stateful_sets import analyze
from kubeagentix.domain.diagnosis import Finding, Severity
from kubeagentix.testing import snapshot_of

LONG_AGO = "2026-01-15T08:00:00Z"
JUST_NOW = "2026-01-15T11:59:40Z"
SERVICE = "kind: Service\nmetadata: {name: db}\nspec: {clusterIP: None}"
CLASS = "kind: StorageClass\nmetadata: {name: fast}"


def stateful_set(*, replicas: int = 3, ready: int = 0, spec: str = "", current: str = "r1", update: str = "r1") -> str:
    return f"""
kind: StatefulSet
metadata: {{name: db, creationTimestamp: "{LONG_AGO}"}}
spec:
  replicas: {replicas}
  serviceName: db
  template: {{spec: {{containers: [{{name: db}}]}}}}
  volumeClaimTemplates: [{{metadata: {{name: data}}, spec: {{storageClassName: fast}}}}]
  {spec}
status: {{replicas: {replicas}, readyReplicas: {ready}, currentRevision: {current}, updateRevision: {update}}}
"""


def pod(ordinal: int, *, ready: bool = False, since: str = LONG_AGO, revision: str = "r1") -> str:
    return f"""
kind: Pod
metadata:
  name: db-{ordinal}
  creationTimestamp: "{since}"
  labels: {{controller-revision-hash: {revision}}}
  ownerReferences: [{{kind: StatefulSet, name: db, controller: true}}]
spec: {{volumes: [{{name: data, persistentVolumeClaim: {{claimName: data-db-{ordinal}}}}}]}}
status: {{phase: Running, conditions: [{{type: Ready, status: "{ready}", lastTransitionTime: "{since}"}}]}}
"""


def claim(ordinal: int, phase: str = "Bound") -> str:
    return f"kind: PersistentVolumeClaim\nmetadata: {{name: data-db-{ordinal}}}\nstatus: {{phase: {phase}}}"


def find(*manifests: str) -> dict[str, Finding]:
    return {finding.reason: finding for finding in analyze(snapshot_of(*manifests))}


def test_healthy_set_is_silent() -> None:
    pods = [pod(n, ready=True) for n in range(3)]
    assert find(stateful_set(ready=3), SERVICE, CLASS, *pods) == {}


def test_ordinal_holds_the_rest() -> None:
    found = find(stateful_set(), SERVICE, CLASS, pod(0), claim(0, "Pending"))
    finding = found["OrdinalNotReady"]
    assert "db-0 is not ready, so db-1 to db-2 are not created (0 of 3 ready)" in finding.title
    assert finding.is_symptom
    assert finding.severity is Severity.CRITICAL
    assert [str(ref) for ref in finding.points_at] == ["PersistentVolumeClaim default/data-db-0"]


def test_parallel_set_holds_nobody() -> None:
    manifest = stateful_set(ready=2, spec="podManagementPolicy: Parallel")
    finding = find(manifest, SERVICE, CLASS, pod(0, ready=True), pod(1), pod(2, ready=True))["OrdinalNotReady"]
    assert "db-1 is not ready (2 of 3 ready)" in finding.title
    assert finding.severity is Severity.WARNING


def test_ordinals_may_start_elsewhere() -> None:
    found = find(stateful_set(spec="ordinals: {start: 5}"), SERVICE, CLASS, pod(5))
    assert "db-5 is not ready, so db-6 to db-7 are not created" in found["OrdinalNotReady"].title


def test_starting_pod_is_silent() -> None:
    assert find(stateful_set(), SERVICE, CLASS, pod(0, since=JUST_NOW)) == {}


def test_missing_governing_service() -> None:
    found = find(stateful_set(ready=3), CLASS)
    assert list(found) == ["ServiceNotFound"]
    assert found["ServiceNotFound"].severity is Severity.WARNING


def test_set_without_a_service_name_is_silent() -> None:
    assert find(stateful_set(ready=3).replace("serviceName: db", 'serviceName: ""'), CLASS) == {}


def test_missing_storage_class_points_at_the_pending_claims() -> None:
    found = find(stateful_set(), SERVICE, claim(0, "Pending"))
    assert [ref.name for ref in found["StorageClassNotFound"].points_at] == ["data-db-0"]


def test_class_name_of_hand_made_volumes_and_bound_claims_is_silent() -> None:
    volume = "kind: PersistentVolume\nmetadata: {name: v}\nspec: {storageClassName: fast}"
    claims = [claim(n) for n in range(3)]
    assert find(stateful_set(ready=3), SERVICE, volume) == {}
    assert find(stateful_set(ready=3), SERVICE, *claims) == {}


def test_rollout_stops_at_a_broken_new_pod() -> None:
    pods = (pod(0, ready=True), pod(1, ready=True), pod(2, revision="r2"))
    finding = find(stateful_set(ready=2, update="r2"), SERVICE, CLASS, *pods)["RolloutStuck"]
    assert "stuck at db-2" in finding.title
    assert finding.is_symptom


def test_broken_pod_of_the_revision_before_must_be_deleted() -> None:
    pods = (pod(0, ready=True), pod(1, ready=True), pod(2, revision="r2"))
    finding = find(stateful_set(ready=2, update="r3"), SERVICE, CLASS, *pods)["RolloutStuck"]
    assert not finding.is_symptom
    assert any(remedy.command == "kubectl delete pod db-2 -n default" for remedy in finding.remedies)


def test_pods_under_the_partition_are_not_due() -> None:
    spec = "updateStrategy: {rollingUpdate: {partition: 2}}"
    pods = (pod(0), pod(1, ready=True), pod(2, ready=True, revision="r2"))
    found = find(stateful_set(ready=2, update="r2", spec=spec), SERVICE, CLASS, *pods)
    assert "RolloutStuck" not in found
    assert found["RolloutPartitioned"].severity is Severity.INFO


def test_scaled_to_zero_is_information() -> None:
    assert find(stateful_set(replicas=0), SERVICE, CLASS)["ScaledToZero"].severity is Severity.INFO


def test_an_update_on_delete_waits_for_somebody() -> None:
    manifest = stateful_set(replicas=2, ready=2, spec="updateStrategy: {type: OnDelete}", update="r2")
    pods = [pod(0, ready=True, revision="r2"), pod(1, ready=True)]
    found = find(manifest, SERVICE, CLASS, *pods, claim(0), claim(1))
    assert list(found) == ["RolloutOnDelete"]
    assert found["RolloutOnDelete"].severity is Severity.INFO
    assert "db-1 keeps the old template" in found["RolloutOnDelete"].title
    done = [pod(0, ready=True, revision="r2"), pod(1, ready=True, revision="r2")]
    assert find(manifest, SERVICE, CLASS, *done, claim(0), claim(1)) == {}


def test_a_broken_pod_is_not_replaced_on_its_own_under_on_delete() -> None:
    manifest = stateful_set(replicas=1, spec="updateStrategy: {type: OnDelete}", update="r2")
    finding = find(manifest, SERVICE, CLASS, pod(0), claim(0))["RolloutStuck"]
    assert "OnDelete" in finding.cause
    assert any("delete pod db-0" in remedy.command for remedy in finding.remedies)

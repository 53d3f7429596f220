"""DaemonSets: nodes that lack a pod, selectors that match none."""

from __future__ import annotations

from kubeagentix.analyzers.daemon_sets import analyze
from kubeagentix.domain.diagnosis import Finding, Gap, Severity
from kubeagentix.testing import snapshot_of

LONG_AGO = "2026-01-15T08:00:00Z"
JUST_NOW = "2026-01-15T11:59:40Z"
NODE = "kind: Node\nmetadata: {name: n1, labels: {kubernetes.io/os: linux, disk: ssd}}"


def daemon_set(*, desired: int = 2, ready: int = 2, current: int = 2, spec: str = "", wrong: int = 0) -> str:
    return f"""
kind: DaemonSet
metadata: {{name: agent, creationTimestamp: "{LONG_AGO}"}}
spec: {{selector: {{matchLabels: {{app: agent}}}}, template: {{spec: {{{spec}}}}}}}
status:
  observedGeneration: 1
  desiredNumberScheduled: {desired}
  currentNumberScheduled: {current}
  numberReady: {ready}
  numberMisscheduled: {wrong}
"""


def pod(name: str = "agent-a", since: str = LONG_AGO, extra: str = "") -> str:
    return f"""
kind: Pod
metadata:
  name: {name}
  creationTimestamp: "{since}"
  ownerReferences: [{{kind: DaemonSet, name: agent, controller: true}}]
  {extra}
spec: {{nodeName: n1}}
status: {{phase: Running, conditions: [{{type: Ready, status: "False", lastTransitionTime: "{since}"}}]}}
"""


def find(*manifests: str, gaps: list[Gap] | None = None) -> dict[str, Finding]:
    return {finding.reason: finding for finding in analyze(snapshot_of(*manifests, gaps=gaps or []))}


def test_healthy_set_is_silent() -> None:
    assert find(daemon_set(), NODE) == {}


def test_unready_pods_are_counted_per_node() -> None:
    finding = find(daemon_set(ready=1), NODE, pod())["NumberUnavailable"]
    assert "ready on 1 of 2 nodes" in finding.title
    assert finding.is_symptom
    assert finding.severity is Severity.WARNING


def test_pods_of_a_broken_node_point_at_it() -> None:
    broken = NODE + '\nstatus: {conditions: [{type: Ready, status: "False"}]}'
    assert [ref.name for ref in find(daemon_set(ready=1), broken, pod())["NumberUnavailable"].points_at] == ["n1"]


def test_pod_that_starts_or_is_replaced_is_silent() -> None:
    assert find(daemon_set(ready=1), NODE, pod(since=JUST_NOW)) == {}
    leaving = pod(extra='deletionTimestamp: "2026-01-15T11:59:50Z"')
    assert find(daemon_set(ready=1, current=1), NODE, leaving) == {}


def test_pods_that_are_missing_altogether_count() -> None:
    assert find(daemon_set(ready=0, current=0), NODE)["NumberUnavailable"].severity is Severity.CRITICAL


def test_selector_that_matches_no_node_names_the_labels() -> None:
    finding = find(daemon_set(desired=0, ready=0, current=0, spec="nodeSelector: {disk: nvme}"), NODE)[
        "NoMatchingNodes"
    ]
    assert "no node has disk=nvme" in finding.title
    assert "disk is ssd there" in finding.cause
    assert finding.severity is Severity.WARNING


def test_affinity_that_matches_no_node() -> None:
    spec = (
        "affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: "
        "[{matchExpressions: [{key: gpu, operator: Exists}]}]}}}"
    )
    finding = find(daemon_set(desired=0, ready=0, current=0, spec=spec), NODE)["NoMatchingNodes"]
    assert "gpu Exists" in finding.title


def test_set_for_another_operating_system_is_information() -> None:
    spec = "nodeSelector: {kubernetes.io/os: windows}"
    found = find(daemon_set(desired=0, ready=0, current=0, spec=spec), NODE)
    assert found["NoMatchingNodes"].severity is Severity.INFO


def test_taints_are_told_where_the_selector_matches() -> None:
    tainted = NODE + "\nspec: {taints: [{key: dedicated, value: batch, effect: NoSchedule}]}"
    spec = "nodeSelector: {disk: ssd}"
    finding = find(daemon_set(desired=0, ready=0, current=0, spec=spec), tainted)["NoMatchingNodes"]
    assert "tainted dedicated=batch:NoSchedule" in finding.title


def test_misscheduled_names_the_node() -> None:
    finding = find(daemon_set(wrong=1, spec="nodeSelector: {disk: nvme}"), NODE, pod())["Misscheduled"]
    assert finding.severity is Severity.WARNING
    assert "n1" in finding.evidence[0].summary
    unseen = find(daemon_set(wrong=1), pod(), gaps=[Gap(what="nodes", why="403", kind="Node")])["Misscheduled"]
    assert unseen.confidence < finding.confidence


def test_machines_that_may_not_be_there_now_are_no_mistake() -> None:
    gpu = "nodeSelector: {cloud.example/accelerator: t4}, containers: []"
    assert find(NODE, daemon_set(desired=0, ready=0, current=0, spec=gpu))["NoMatchingNodes"].severity is Severity.INFO
    role = "nodeSelector: {node-role.kubernetes.io/master: ''}, containers: []"
    found = find(NODE, daemon_set(desired=0, ready=0, current=0, spec=role))
    assert found["NoMatchingNodes"].severity is Severity.WARNING


def test_pods_left_on_a_node_that_is_taken_away_are_not_misplaced() -> None:
    taint = "spec: {taints: [{key: ToBeDeletedByClusterAutoscaler, effect: NoSchedule}]}"
    going = f"{NODE}\n{taint}"
    held = f"{NODE}\nspec: {{taints: [{{key: dedicated, effect: NoSchedule}}]}}"
    assert find(going, pod(), daemon_set(wrong=1))["Misscheduled"].severity is Severity.INFO
    assert find(held, pod(), daemon_set(wrong=1))["Misscheduled"].severity is Severity.WARNING


def revised(name: str, revision: str, made: str, ready: str) -> str:
    return f"""
kind: Pod
metadata:
  name: {name}
  creationTimestamp: "2026-01-15T{made}Z"
  labels: {{controller-revision-hash: "r{revision}", pod-template-generation: "{revision}"}}
  ownerReferences: [{{kind: DaemonSet, name: agent, controller: true}}]
spec: {{nodeName: n1}}
status:
  phase: Running
  conditions: [{{type: Ready, status: "{ready}", lastTransitionTime: "2026-01-15T{made}Z"}}]
"""


def updated(number: int, manifest: str) -> str:
    return manifest.replace("numberReady", f"updatedNumberScheduled: {number}\n  numberReady")


NEW, OLD = revised("agent-a", "2", "11:00:00", "False"), revised("agent-b", "1", "08:00:00", "True")


def test_a_rollout_that_does_not_get_on_says_how_far_it_came() -> None:
    stuck = find(updated(1, daemon_set(ready=1)), NODE, NEW, OLD)["NumberUnavailable"]
    assert stuck.title.endswith("; the rollout stands at 1 of 2 nodes")
    other = find(updated(2, daemon_set(ready=1)), NODE, NEW, OLD)["NumberUnavailable"]
    assert "rollout" not in other.title


def test_an_update_on_delete_waits_for_somebody() -> None:
    pods = (NEW.replace('"False"', '"True"'), OLD)
    manifest = updated(1, daemon_set()).replace("spec: {", "spec: {updateStrategy: {type: OnDelete}, ", 1)
    finding = find(manifest, NODE, *pods)["RolloutOnDelete"]
    assert finding.severity is Severity.INFO
    assert "agent-b keeps the old template" in finding.title
    assert find(updated(2, manifest.replace("updatedNumberScheduled: 1", "other: 1")), NODE, *pods) == {}
    assert find(updated(1, daemon_set()), NODE, *pods) == {}


TAINTED = "kind: Node\nmetadata: {name: n2}\nspec: {taints: [{key: dedicated, value: batch, effect: NoSchedule}]}"


def test_nodes_left_out_for_a_taint_are_information() -> None:
    finding = find(daemon_set(), NODE, TAINTED)["NodesLeftOut"]
    assert finding.severity is Severity.INFO
    assert "1 node (n2)" in finding.title
    tolerant = daemon_set(spec="tolerations: [{key: dedicated, operator: Exists}]")
    assert find(tolerant, NODE, TAINTED) == {}
    assert find(daemon_set(spec="nodeSelector: {disk: ssd}"), NODE, TAINTED) == {}

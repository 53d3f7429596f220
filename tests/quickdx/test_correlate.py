"""Correlation: symptoms hang under causes, independent incidents stay apart, and no cycle is made."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from kubeagentix.domain.diagnosis import Evidence, Finding, ResourceRef, Severity
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.quickdx.correlate import correlate, primary
from kubeagentix.quickdx.graph import Graph
from kubeagentix.quickdx.rank import rank
from kubeagentix.testing import NOW, snapshot_of

CLUSTER = """
{kind: Deployment, metadata: {name: web}, spec: {template: {spec: {containers: [{name: app}]}}}}
---
{kind: Deployment, metadata: {name: db}, spec: {template: {spec: {containers: [{name: app}]}}}}
---
kind: ReplicaSet
metadata: {name: db-1, ownerReferences: [{kind: Deployment, name: db, controller: true}]}
---
kind: Pod
metadata: {name: db-1-a, labels: {app: db}, ownerReferences: [{kind: ReplicaSet, name: db-1, controller: true}]}
spec: {nodeName: n1, containers: [{name: app}]}
---
{kind: Service, metadata: {name: db}, spec: {selector: {app: db}, ports: [{port: 5432}]}}
---
kind: Ingress
metadata: {name: edge}
spec: {rules: [{http: {paths: [{path: /, backend: {service: {name: web, port: {number: 80}}}}]}}]}
---
{kind: Node, metadata: {name: n1}}
"""


def ref(text: str) -> ResourceRef:
    kind, name = text.split("/")
    return ResourceRef(kind=kind, namespace="" if kind == "Node" else "default", name=name)


def finding(
    on: str,
    reason: str,
    *,
    points_at: tuple[str, ...] = (),
    explains: tuple[str, ...] = (),
    symptom: bool = False,
    severity: Severity = Severity.CRITICAL,
    confidence: float = 0.9,
    analyzer: str = "test",
) -> Finding:
    return Finding.of(
        analyzer=analyzer,
        reason=reason,
        ref=ref(on),
        title=f"{on} {reason}",
        severity=severity,
        confidence=confidence,
        cause="because",
        evidence=(Evidence.of(ref(on), "status", f"{reason} by {analyzer}"),),
        points_at=tuple(ref(item) for item in points_at),
        explains=tuple(ref(item) for item in explains),
        is_symptom=symptom,
    )


def causes(*findings: Finding, snapshot: Snapshot | None = None) -> dict[str, list[str]]:
    snapshot = snapshot or snapshot_of(CLUSTER)
    found = correlate(snapshot, findings, Graph.of(snapshot))
    titles = {item.id: item.title for item in found}
    return {item.title: [titles[one] for one in item.caused_by] for item in found}


def roots(*findings: Finding) -> list[str]:
    snapshot = snapshot_of(CLUSTER)
    found = correlate(snapshot, findings, Graph.of(snapshot))
    return [str(item.root) for item in rank(snapshot, found)]


CLIENT = finding("Deployment/web", "CrashLoopBackOff/ConnectionRefused", points_at=("Service/db",), confidence=0.8)
NO_ENDPOINTS = finding("Service/db", "NoEndpoints/PodsNotReady", points_at=("Deployment/db",), symptom=True)
SERVER = finding("Deployment/db", "OOMKilled")


def test_a_chain_leads_from_the_client_through_the_service_to_the_server() -> None:
    found = causes(CLIENT, NO_ENDPOINTS, SERVER)
    assert found["Deployment/web CrashLoopBackOff/ConnectionRefused"] == ["Service/db NoEndpoints/PodsNotReady"]
    assert found["Service/db NoEndpoints/PodsNotReady"] == ["Deployment/db OOMKilled"]
    assert found["Deployment/db OOMKilled"] == []


def test_a_composite_outage_has_one_root() -> None:
    ingress = finding("Ingress/edge", "BackendNoEndpoints", points_at=("Service/web",), symptom=True)
    web_service = finding("Service/web", "NoEndpoints/PodsNotReady", points_at=("Deployment/web",), symptom=True)
    short = finding("Deployment/web", "MinimumReplicasUnavailable", symptom=True)
    assert roots(ingress, web_service, short, CLIENT, NO_ENDPOINTS, SERVER) == ["Deployment default/db"]


def test_the_cause_is_found_behind_a_service_that_has_no_finding_of_its_own() -> None:
    assert causes(CLIENT, SERVER)["Deployment/web CrashLoopBackOff/ConnectionRefused"] == ["Deployment/db OOMKilled"]


def test_two_independent_incidents_stay_two() -> None:
    other = finding("Deployment/web", "ImagePullBackOff/TagNotFound")
    assert sorted(roots(other, SERVER)) == ["Deployment default/db", "Deployment default/web"]


def test_a_symptom_is_explained_by_another_finding_on_the_same_object() -> None:
    symptom = finding("Deployment/db", "ProgressDeadlineExceeded", symptom=True)
    assert causes(symptom, SERVER)["Deployment/db ProgressDeadlineExceeded"] == ["Deployment/db OOMKilled"]


def test_symptoms_alone_give_one_hypothesis_with_little_confidence() -> None:
    first = finding("Deployment/db", "MinimumReplicasUnavailable", symptom=True, confidence=0.5)
    second = finding("Deployment/db", "NotReady", symptom=True, confidence=0.6)
    snapshot = snapshot_of(CLUSTER)
    (only,) = rank(snapshot, correlate(snapshot, (first, second), Graph.of(snapshot)))
    assert only.confidence < 0.6
    assert len(only.findings) == 2


def test_what_fails_earlier_in_a_pods_life_explains_what_fails_later() -> None:
    pull = finding("Deployment/db", "ImagePullBackOff/TagNotFound")
    probe = finding("Deployment/db", "Unhealthy/Readiness")
    assert causes(pull, probe)["Deployment/db Unhealthy/Readiness"] == ["Deployment/db ImagePullBackOff/TagNotFound"]


def test_a_milder_earlier_finding_does_not_explain_a_worse_later_one() -> None:
    evicted = finding("Deployment/db", "Evicted/Memory", severity=Severity.WARNING)
    crash = finding("Deployment/db", "CrashLoopBackOff/Panic")
    assert causes(evicted, crash)["Deployment/db CrashLoopBackOff/Panic"] == []


def test_info_findings_neither_cause_nor_root_anything() -> None:
    cordoned = finding("Node/n1", "NodeCordoned", severity=Severity.INFO)
    stuck = finding("Deployment/db", "Unschedulable/Cordoned", points_at=("Node/n1",))
    assert causes(cordoned, stuck)["Deployment/db Unschedulable/Cordoned"] == []
    assert roots(cordoned) == []


def test_a_missing_object_that_several_workloads_need_is_the_root() -> None:
    reason = "CreateContainerConfigError/SecretNotFound"
    blaming = [finding(on, reason, points_at=("Secret/keys",)) for on in ("Deployment/web", "Deployment/db")]
    assert roots(*blaming) == ["Secret default/keys"]


def test_a_missing_object_that_one_workload_needs_leaves_the_workload_as_root() -> None:
    lone = finding("Deployment/web", "CreateContainerConfigError/SecretNotFound", points_at=("Secret/keys",))
    assert roots(lone) == ["Deployment default/web"]


def test_a_policy_explains_the_timeouts_of_the_clients_it_names_but_not_their_panics() -> None:
    policy = finding("NetworkPolicy/deny", "NetworkPolicyBlocks/Ingress", explains=("Deployment/web",))
    timeout = finding("Deployment/web", "CrashLoopBackOff/ConnectionTimeout", points_at=("Service/db",))
    panic = finding("Deployment/web", "CrashLoopBackOff/Panic")
    found = causes(policy, timeout, panic)
    assert found["Deployment/web CrashLoopBackOff/ConnectionTimeout"] == [
        "NetworkPolicy/deny NetworkPolicyBlocks/Ingress"
    ]
    assert found["Deployment/web CrashLoopBackOff/Panic"] == []


def test_two_workloads_that_blame_each_other_make_no_cycle() -> None:
    snapshot = snapshot_of(CLUSTER)
    one = finding("Deployment/web", "CrashLoopBackOff/ConnectionRefused", points_at=("Deployment/db",))
    two = finding("Deployment/db", "CrashLoopBackOff/ConnectionRefused", points_at=("Deployment/web",))
    found = correlate(snapshot, (one, two), Graph.of(snapshot))
    assert sorted(len(item.caused_by) for item in found) == [0, 1]
    assert len(rank(snapshot, found)) == 1


def test_the_same_reason_from_two_analyzers_is_one_finding_with_the_evidence_of_both() -> None:
    snapshot = snapshot_of(CLUSTER)
    reason = "FailedMount/SecretNotFound"
    pair = (finding("Deployment/db", reason, analyzer="a"), finding("Deployment/db", reason, analyzer="b"))
    (merged,) = correlate(snapshot, pair, Graph.of(snapshot))
    assert {item.summary for item in merged.evidence} == {f"{reason} by a", f"{reason} by b"}


def test_the_same_reason_for_two_different_objects_stays_two_findings() -> None:
    snapshot, reason = snapshot_of(CLUSTER), "FailedMount/SecretNotFound"
    one = finding("Deployment/db", reason, analyzer="a", points_at=("Secret/x",))
    two = finding("Deployment/db", reason, analyzer="b", points_at=("Secret/y",))
    third = finding("Deployment/db", reason, analyzer="c")
    found = correlate(snapshot, (one, two, third), Graph.of(snapshot))
    assert sorted(str(item.points_at[0].name) for item in found) == ["x", "y"]


SERVING = (
    CLUSTER
    + """
---
kind: Pod
metadata: {name: db-0-a, labels: {app: db}, ownerReferences: [{kind: ReplicaSet, name: db-1, controller: true}]}
spec: {containers: [{name: app}]}
status: {phase: Running, conditions: [{type: Ready, status: "True"}]}
"""
)


def test_new_pods_that_do_not_start_beside_old_ones_that_serve_explain_no_clients_failure() -> None:
    pull = finding("Deployment/db", "ImagePullBackOff/TagNotFound")
    stuck = finding("Deployment/db", "ProgressDeadlineExceeded", symptom=True)
    found = causes(CLIENT, pull, stuck, snapshot=snapshot_of(SERVING))
    assert found["Deployment/web CrashLoopBackOff/ConnectionRefused"] == []


def test_a_server_that_crashes_explains_its_clients_failure_though_it_is_ready_at_the_moment() -> None:
    crash = finding("Deployment/db", "CrashLoopBackOff/Panic")
    found = causes(CLIENT, crash, snapshot=snapshot_of(SERVING))
    assert found["Deployment/web CrashLoopBackOff/ConnectionRefused"] == ["Deployment/db CrashLoopBackOff/Panic"]


def test_an_ingress_without_answer_hangs_under_its_backend_and_not_under_its_own_other_fault() -> None:
    silent = finding("Ingress/edge", "BackendNoEndpoints", points_at=("Service/db",), symptom=True)
    classless = finding("Ingress/edge", "NoIngressClass", severity=Severity.WARNING)
    found = causes(silent, classless, NO_ENDPOINTS, SERVER)
    assert found["Ingress/edge BackendNoEndpoints"] == ["Service/db NoEndpoints/PodsNotReady"]


def test_the_refusal_is_told_before_the_missing_object_that_it_is_about() -> None:
    missing = finding("Deployment/db", "ServiceAccountNotFound", confidence=0.95)
    refused = finding("Deployment/db", "FailedCreate/ServiceAccountNotFound")
    assert primary((missing, refused)) is refused


CALLING = (
    CLUSTER
    + """
---
kind: Deployment
metadata: {name: shop}
spec: {template: {spec: {containers: [{name: app, env: [{name: DB_HOST, value: db}]}]}}}
---
kind: Deployment
metadata: {name: lone}
spec: {template: {spec: {containers: [{name: app}]}}}
"""
)


def caused(client: Finding, *others: Finding) -> list[str]:
    snapshot = snapshot_of(CALLING)
    found = correlate(snapshot, (client, *others), Graph.of(snapshot))
    titles = {item.id: item.title for item in found}
    return [titles[one] for item in found if item.id == client.id for one in item.caused_by]


def test_an_exit_without_a_known_reason_is_explained_by_the_broken_service_it_is_told_to_call() -> None:
    exits = finding("Deployment/shop", "CrashLoopBackOff/Error", confidence=0.6)
    assert caused(exits, SERVER) == ["Deployment/db OOMKilled"]
    assert caused(replace(exits, ref=ref("Deployment/lone")), SERVER) == []


def test_an_exit_with_a_reason_of_its_own_is_not() -> None:
    assert caused(finding("Deployment/shop", "CrashLoopBackOff/Panic"), SERVER) == []


def test_what_it_calls_explains_nothing_that_was_broken_long_before() -> None:
    exits = replace(finding("Deployment/shop", "CrashLoopBackOff/Error"), since=NOW - timedelta(hours=3))
    assert caused(exits, replace(SERVER, since=NOW - timedelta(minutes=5))) == []
    assert caused(exits, replace(SERVER, since=NOW - timedelta(hours=4))) == ["Deployment/db OOMKilled"]


def answering(message: str) -> Finding:
    probe = finding("Deployment/shop", "Unhealthy/Readiness", confidence=0.7)
    event = Evidence.of(probe.ref, "event", "Warning Unhealthy", excerpt=message)
    return replace(probe, evidence=(*probe.evidence, event))


def test_a_probe_that_is_answered_with_an_error_may_suffer_from_what_is_called_but_a_wrong_port_does_not() -> None:
    failed = answering("Readiness probe failed: HTTP probe failed with statuscode: 503")
    assert caused(failed, SERVER) == ["Deployment/db OOMKilled"]
    assert caused(answering("Readiness probe failed: dial tcp 10.1.1.1:9: connect: connection refused"), SERVER) == []


def test_what_is_called_and_only_warned_of_explains_nothing() -> None:
    exits = finding("Deployment/shop", "CrashLoopBackOff/Error")
    assert caused(exits, replace(SERVER, severity=Severity.WARNING)) == []

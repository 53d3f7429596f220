"""The pipeline: scope, targets, gaps of analyzers, and progress."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest

from kubeagentix.contracts import AnalyzerPlugin
from kubeagentix.domain.diagnosis import Evidence, Finding, ResourceRef, Severity, Target
from kubeagentix.domain.events import ProgressEvent, StageChanged
from kubeagentix.domain.nodes import Node
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.errors import NotFoundError
from kubeagentix.quickdx.analyzing import analyze
from kubeagentix.quickdx.pipeline import diagnose_snapshot
from kubeagentix.testing import snapshot_of

TWO_FAULTS = """
kind: Service
metadata: {name: api, namespace: shop}
spec: {selector: {app: apo}, ports: [{port: 80}]}
---
kind: Pod
metadata: {name: api-0, namespace: shop, labels: {app: api}, creationTimestamp: '2026-01-10T00:00:00Z'}
spec: {nodeName: n1, containers: [{name: app, image: 'a:1'}]}
status:
  phase: Running
  conditions: [{type: Ready, status: 'True'}]
  containerStatuses: [{name: app, ready: true, state: {running: {startedAt: '2026-01-10T00:00:00Z'}}}]
---
kind: PersistentVolumeClaim
metadata: {name: data, namespace: bank, creationTimestamp: '2026-01-10T00:00:00Z'}
spec: {storageClassName: gone, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
status: {phase: Pending}
---
kind: Node
metadata: {name: n1}
status: {conditions: [{type: Ready, status: 'True'}], allocatable: {cpu: '4', memory: 8Gi, pods: '110'}}
"""


def namespaces(snapshot: Snapshot, target: Target) -> set[str]:
    return {finding.ref.namespace for finding in diagnose_snapshot(snapshot, target).findings}


def test_the_whole_cluster_is_diagnosed_without_a_namespace() -> None:
    assert namespaces(snapshot_of(TWO_FAULTS), Target()) == {"shop", "bank"}


def test_a_namespace_limits_the_findings() -> None:
    assert namespaces(snapshot_of(TWO_FAULTS), Target(namespace="shop")) == {"shop"}


def test_a_namespace_that_is_stuck_in_deletion_is_told_with_its_objects() -> None:
    going = "{kind: Namespace, metadata: {name: shop, deletionTimestamp: '2026-01-10T00:00:00Z'}}"
    found = diagnose_snapshot(snapshot_of(going), Target(namespace="shop"))
    assert [str(item.root) for item in found.hypotheses] == ["Namespace shop"]
    assert diagnose_snapshot(snapshot_of(going), Target(namespace="bank")).is_healthy


def test_a_target_limits_the_answer_to_what_it_needs() -> None:
    found = diagnose_snapshot(snapshot_of(TWO_FAULTS), Target(namespace="shop", kind="Service", name="api"))
    assert [str(item.root) for item in found.hypotheses] == ["Service shop/api"]
    healthy = diagnose_snapshot(snapshot_of(TWO_FAULTS), Target(kind="Node", name="n1"))
    assert healthy.is_healthy


def test_a_target_that_is_not_there_is_an_error() -> None:
    with pytest.raises(NotFoundError, match="no Service 'apx' in namespace shop; did you mean api"):
        diagnose_snapshot(snapshot_of(TWO_FAULTS), Target(namespace="shop", kind="Service", name="apx"))


def broken(snapshot: Snapshot) -> Iterable[Finding]:
    raise ValueError(f"cannot read {len(snapshot.objects)}")


def cordons(snapshot: Snapshot) -> Iterable[Finding]:
    for node in snapshot.all(Node):
        ref = snapshot.ref(node)
        evidence = (Evidence.of(ref, "spec", "it is there"),)
        yield Finding.of(
            analyzer="own",
            reason="Seen",
            ref=ref,
            title="seen",
            severity=Severity.INFO,
            confidence=1.0,
            cause="c",
            evidence=evidence,
        )


def test_an_analyzer_that_raises_becomes_a_gap_that_names_it_and_the_others_go_on() -> None:
    plugins = (
        AnalyzerPlugin(id="bad", title="Bad", analyze=broken),
        AnalyzerPlugin(id="own", title="Own", analyze=cordons),
    )
    found, failed = analyze(snapshot_of(TWO_FAULTS), plugins)
    assert [item.reason for item in found] == ["Seen"]
    assert failed[0].what == "analyzer bad failed"
    assert failed[0].why.startswith("ValueError: cannot read")


def test_lint_is_told_on_request_and_is_never_a_root_cause() -> None:
    plain, linted = (
        diagnose_snapshot(snapshot_of(TWO_FAULTS), Target(), include_lint=asked) for asked in (False, True)
    )
    assert not [item for item in plain.findings if item.reason.startswith("Lint/")]
    advice = [item for item in linted.findings if item.reason.startswith("Lint/")]
    assert {item.severity for item in advice} == {Severity.INFO}
    assert linted.hypotheses == plain.hypotheses
    assert len(linted.findings) == len(plain.findings) + len(advice)


def test_stages_are_told_as_they_pass() -> None:
    heard: list[ProgressEvent] = []
    diagnose_snapshot(snapshot_of(TWO_FAULTS), Target(), listen=heard.append)
    stages = [event for event in heard if isinstance(event, StageChanged)]
    assert stages[-1].stage == "correlate"
    assert stages[-1].done == stages[-1].total
    analyzing = [event for event in stages if event.stage == "analyze"]
    assert [event.done for event in analyzing] == list(range(1, len(analyzing) + 1))


def test_the_same_snapshot_gives_the_same_answer() -> None:
    def answer() -> object:
        body = json.loads(diagnose_snapshot(snapshot_of(TWO_FAULTS), Target()).to_json())
        return {key: body[key] for key in ("hypotheses", "findings", "gaps")}

    assert answer() == answer()


def test_every_finding_has_evidence_and_every_cause_exists() -> None:
    found = diagnose_snapshot(snapshot_of(TWO_FAULTS), Target())
    ids = {item.id for item in found.findings}
    assert found.findings
    for finding in found.findings:
        assert finding.evidence
        assert set(finding.caused_by) <= ids


def test_references_compare_by_kind_namespace_and_name() -> None:
    one = ResourceRef(kind="Pod", namespace="a", name="b", uid="1", cluster="x")
    assert one == ResourceRef(kind="Pod", namespace="a", name="b")


def test_a_silent_node_is_told_in_the_namespaces_whose_pods_it_runs_before_they_suffer() -> None:
    silent = "conditions: [{type: Ready, status: Unknown, lastTransitionTime: '2026-01-15T11:59:45Z'}]"
    node = f"kind: Node\nmetadata: {{name: n1, creationTimestamp: '2025-01-01T00:00:00Z'}}\nstatus: {{{silent}}}\n"
    snapshot = snapshot_of(TWO_FAULTS.partition("---\nkind: Node")[0].replace("{app: apo}", "{app: api}"), node)
    assert [str(item.root) for item in diagnose_snapshot(snapshot, Target(namespace="shop")).hypotheses] == ["Node n1"]
    assert "n1" not in {item.root.name for item in diagnose_snapshot(snapshot, Target(namespace="bank")).hypotheses}

"""What was changed shortly before something broke is told with it, and nothing else is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from kubeagentix.domain.diagnosis import Evidence, Finding, ResourceRef, Severity
from kubeagentix.quickdx.changes import change_of, with_changes
from kubeagentix.quickdx.graph import Graph
from kubeagentix.quickdx.rank import rank
from kubeagentix.testing import NOW, snapshot_of

WEB = ResourceRef(kind="Deployment", namespace="default", name="web")


def ago(minutes: float) -> str:
    return f"{NOW - timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%SZ}"


def write(minutes: float, manager: str = "kubectl-edit", **more: str) -> dict[str, str]:
    return {"manager": manager, "operation": "Update", "time": ago(minutes), **more}


def config(*writes: dict[str, str], made: float = 9000) -> dict[str, object]:
    metadata = {"name": "settings", "creationTimestamp": ago(made), "managedFields": list(writes)}
    return {"kind": "ConfigMap", "metadata": metadata}


def replica_set(name: str, revision: int, made: float) -> str:
    return f"""
kind: ReplicaSet
metadata:
  name: {name}
  creationTimestamp: "{ago(made)}"
  annotations: {{deployment.kubernetes.io/revision: "{revision}"}}
  ownerReferences: [{{kind: Deployment, name: web, controller: true}}]
"""


DEPLOYMENT = """
kind: Deployment
metadata: {name: web}
spec: {template: {spec: {containers: [{name: app, envFrom: [{configMapRef: {name: settings}}]}]}}}
"""


def crash(minutes: float) -> Finding:
    return Finding.of(
        analyzer="test",
        reason="CrashLoopBackOff/Panic",
        ref=WEB,
        title="web keeps ending",
        severity=Severity.CRITICAL,
        confidence=0.8,
        cause="It panics.",
        evidence=(Evidence.of(WEB, "status", "exit code 2"),),
        since=NOW - timedelta(minutes=minutes),
    )


def told(finding: Finding, *manifests: object) -> Finding:
    snapshot = snapshot_of(DEPLOYMENT, *manifests)  # type: ignore[arg-type]
    (only,) = with_changes(snapshot, Graph.of(snapshot), (finding,))
    return only


def test_a_config_map_that_was_edited_before_is_told_with_its_editor_and_the_time() -> None:
    found = told(crash(10), config(write(9000, "kubectl-create"), write(13)))
    change = change_of(found)
    assert change is not None
    assert str(change.ref) == "ConfigMap default/settings"
    assert change.observed_at == NOW - timedelta(minutes=13)
    assert found.cause == "It panics. ConfigMap default/settings was changed (by kubectl-edit) 3m before."


def test_a_rollout_before_is_told_with_its_revision() -> None:
    found = told(crash(10), replica_set("web-1", 1, 900), replica_set("web-2", 2, 12))
    assert found.cause.endswith("Deployment default/web was rolled out (revision 2) 2m before.")
    assert "kubectl rollout history deployment/web -n default" in [item.command for item in found.remedies]


@pytest.mark.parametrize(("said", "so_far"), [("Was x meant?", "Was x meant? "), ("It ends", "It ends. ")])
def test_a_change_is_a_sentence_of_its_own(said: str, so_far: str) -> None:
    snapshot = snapshot_of(DEPLOYMENT, replica_set("web-1", 1, 5000), replica_set("web-2", 2, 11))
    [finding] = with_changes(snapshot, Graph.of(snapshot), [replace(crash(10), cause=said)])
    assert finding.cause.startswith(f"{so_far}Deployment default/web was rolled out")


def test_the_last_of_several_changes_is_told() -> None:
    found = told(crash(10), replica_set("web-1", 1, 900), replica_set("web-2", 2, 40), config(write(11)))
    assert "ConfigMap default/settings was changed" in found.cause


def test_a_change_long_before_or_after_is_no_reason() -> None:
    assert change_of(told(crash(10), config(write(200)))) is None
    assert change_of(told(crash(10), config(write(2)))) is None


def test_making_an_object_and_what_controllers_write_is_no_change() -> None:
    assert change_of(told(crash(10), config(write(12, "kubectl-create"), made=12))) is None
    assert change_of(told(crash(10), config(write(12, "kube-controller-manager")))) is None
    assert change_of(told(crash(10), config(write(12, subresource="status")))) is None


def test_the_first_replica_set_is_no_rollout() -> None:
    assert change_of(told(crash(10), replica_set("web-1", 1, 12))) is None


def test_a_symptom_is_told_no_change() -> None:
    symptom = replace(crash(10), caused_by=("f-1",))
    assert change_of(told(symptom, config(write(12)))) is None


def test_a_changed_secret_is_described_and_never_printed() -> None:
    secret = {"kind": "Secret", "metadata": {**config(write(12))["metadata"], "name": "settings"}}  # type: ignore[dict-item]
    blaming = replace(crash(10), points_at=(ResourceRef(kind="Secret", namespace="default", name="settings"),))
    found = told(blaming, secret)
    assert [item.command for item in found.remedies] == ["kubectl describe secret/settings -n default"]


def test_what_followed_a_change_is_surer_and_the_breakdown_says_so() -> None:
    snapshot = snapshot_of(DEPLOYMENT, config(write(12)))
    plain, changed = (
        rank(snapshot, findings)[0]
        for findings in ((crash(10),), with_changes(snapshot, Graph.of(snapshot), (crash(10),)))
    )
    assert changed.confidence > plain.confidence
    assert [term.label for term in changed.breakdown][-1] == "ConfigMap settings was changed before"


def test_what_follows_a_recent_change_is_told_before_what_has_been_so_for_days() -> None:
    snapshot = snapshot_of(DEPLOYMENT)
    other = ResourceRef(kind="Deployment", namespace="default", name="old")
    old = replace(crash(60 * 24 * 30), id="f-old", ref=other, confidence=0.95)
    sufferers = [
        replace(old, id=f"f-{number}", ref=replace(other, name=f"s{number}"), caused_by=("f-old",))
        for number in range(5)
    ]
    found = rank(snapshot, (old, *sufferers, crash(10)))
    assert [item.root.name for item in found] == ["web", "old"]

"""Findings in one call."""

from __future__ import annotations

from typing import Any

import pytest

from kubeagentix.domain.diagnosis import Evidence, Remedy, ResourceRef, Severity
from kubeagentix.domain.making import finding
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.resource_types import resources
from kubeagentix.errors import UsageError
from kubeagentix.testing import snapshot_of

SNAPSHOT = snapshot_of({"kind": "Pod", "metadata": {"name": "web", "namespace": "shop", "uid": "u1"}})
POD = SNAPSHOT.all(Pod)[0]


def test_three_words_make_a_finding_with_evidence() -> None:
    made = finding(POD, "NoTeam", "has no team label")
    assert (made.ref, made.ref.uid) == (SNAPSHOT.ref(POD), "u1")
    assert (made.reason, made.title, made.cause) == ("NoTeam", "has no team label", "has no team label")
    assert made.severity is Severity.WARNING
    assert [(item.source, item.summary) for item in made.evidence] == [("spec", "has no team label")]


def test_everything_else_may_be_said_in_short() -> None:
    node = ResourceRef(kind="Node", name="n1")
    made = finding(
        POD,
        "NoTeam",
        "has no team label",
        severity="critical",
        cause="Nobody is called.",
        field="status.phase",
        evidence=["phase Failed", Evidence.of(node, "event", "gone")],
        remedies=["kubectl get pods", "kubectl label pod web team=a", Remedy(title="t", command="c", effect="read")],
        points_at=node,
        explains=[POD, node],
    )
    assert made.severity is Severity.CRITICAL
    assert [(item.source, item.locator) for item in made.evidence] == [("status", "status.phase"), ("event", "")]
    assert [item.effect for item in made.remedies] == ["read", "write", "read"]
    assert (made.points_at, made.explains) == ((node,), (SNAPSHOT.ref(POD), node))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"about": "web"}, "is about an object of the snapshot or a ResourceRef, not str; as in for pod in"),
        ({"reason": ""}, "the reason of a finding is ''"),
        ({"title": None}, "the title of a finding is None"),
        ({"severity": "fatal"}, "the severity of a finding is 'fatal'; it must be one of critical, warning, info"),
        ({"confidence": 90}, "the confidence of a finding is 90; it must be from 0 to 1"),
        ({"evidence": 5}, "the evidence of a finding is 5"),
        ({"remedies": [""]}, "the remedy of a finding is ''"),
        ({"points_at": "node"}, "not str"),
    ],
)
def test_what_cannot_be_meant_is_said(words: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        finding(**{"about": POD, "reason": "R", "title": "t", **words})


def test_the_types_of_all_kinds_are_found_by_name() -> None:
    assert SNAPSHOT.all(resources.Pod) == (POD,)
    assert {"Pod", "Deployment", "StorageClass"} <= set(dir(resources))
    with pytest.raises(AttributeError, match="no kind 'Deploymnet' is read; did you mean Deployment"):
        _ = resources.Deploymnet

from __future__ import annotations

from typing import Any

from kubeagentix.analysis.troubles import SHOWN_PODS, Trouble, clipped, findings, sentence
from kubeagentix.domain.diagnosis import Evidence, ResourceRef, Severity
from kubeagentix.domain.pods import Pod
from kubeagentix.domain.snapshot import Snapshot
from kubeagentix.testing import snapshot_of


def replicas(count: int) -> Snapshot:
    owner = {"kind": "StatefulSet", "name": "web", "controller": True}
    pods = [
        {"kind": "Pod", "metadata": {"name": f"web-{n}", "ownerReferences": [owner]}, "status": {"phase": "Running"}}
        for n in range(count)
    ]
    return snapshot_of({"kind": "StatefulSet", "metadata": {"name": "web"}}, *pods)


def trouble(pod: Pod, reason: str = "Bad", **more: Any) -> Trouble:
    evidence = Evidence.of(ResourceRef(kind="Pod", name=pod.name), "status", pod.name)
    return Trouble(
        **{
            "pod": pod,
            "part": "app",
            "reason": reason,
            "title": "it is bad",
            "cause": "x",
            "evidence": (evidence,),
            **more,
        }
    )


def test_replicas_share_a_finding_that_counts_them_and_shows_a_few() -> None:
    snapshot = replicas(5)
    [finding] = findings(snapshot, "a", [trouble(pod) for pod in snapshot.all(Pod)[:4]])
    assert finding.title == "it is bad (4 of 5 pods)"
    assert str(finding.ref) == "StatefulSet default/web"
    assert len(finding.evidence) == SHOWN_PODS


def test_another_container_or_reason_is_another_finding() -> None:
    snapshot = replicas(1)
    [pod] = snapshot.all(Pod)
    made = list(findings(snapshot, "a", [trouble(pod), trouble(pod, "Worse"), trouble(pod, part="proxy")]))
    assert len({finding.id for finding in made}) == 3


def test_a_rough_reason_joins_the_exact_one_of_its_siblings() -> None:
    snapshot = replicas(3)
    first, second, third = snapshot.all(Pod)
    rough = [trouble(pod, "Bad/Error", is_rough=True, confidence=0.6) for pod in (first, third)]
    [finding] = findings(snapshot, "a", [*rough, trouble(second, "Bad/Exact")])
    assert finding.reason == "Bad/Exact"
    assert "3 of 3" in finding.title


def test_rough_reasons_stay_apart_from_each_other() -> None:
    snapshot = replicas(2)
    made = findings(snapshot, "a", [trouble(pod, f"Bad/{pod.name}", is_rough=True) for pod in snapshot.all(Pod)])
    assert len(list(made)) == 2


def test_the_worst_pod_sets_the_severity() -> None:
    snapshot = replicas(2)
    first, second = snapshot.all(Pod)
    [finding] = findings(snapshot, "a", [trouble(first, severity=Severity.WARNING), trouble(second)])
    assert finding.severity is Severity.CRITICAL


def test_a_bare_pod_is_not_counted() -> None:
    snapshot = snapshot_of({"kind": "Pod", "metadata": {"name": "alone"}})
    [finding] = findings(snapshot, "a", [trouble(pod) for pod in snapshot.all(Pod)])
    assert finding.title == "it is bad"


def test_text_is_clipped_to_its_limit() -> None:
    assert clipped("short", 10) == "short"
    assert len(clipped("x" * 50, 10)) == 10


def test_a_quoted_message_ends_as_a_sentence() -> None:
    assert sentence("not found") == "not found."
    assert sentence("It is\n  over.") == "It is over."
    assert sentence("x" * 400, 10) == "xxxxxxxxx…"

"""Ranking: the cause above its symptoms, the worst first, and a confidence that adds up."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from kubeagentix.domain.diagnosis import Evidence, Finding, ResourceRef, Severity
from kubeagentix.quickdx.rank import MAX_CONFIDENCE, rank
from kubeagentix.testing import NOW, snapshot_of


def finding(name: str, reason: str = "OOMKilled", *, severity: Severity = Severity.CRITICAL) -> Finding:
    ref = ResourceRef(kind="Deployment", namespace="default", name=name)
    return Finding.of(
        analyzer="test",
        reason=reason,
        ref=ref,
        title=name,
        severity=severity,
        confidence=0.8,
        cause="c",
        evidence=(Evidence.of(ref, "status", "s"), Evidence.of(ref, "event", "e")),
    )


def test_the_confidence_is_the_sum_of_its_terms() -> None:
    root = finding("a")
    symptom = replace(finding("b"), caused_by=(root.id,))
    (only,) = rank(snapshot_of(), (root, symptom))
    assert abs(only.confidence - sum(term.value for term in only.breakdown)) < 1e-9
    assert [round(term.value, 2) for term in only.breakdown] == [0.8, 0.02, 0.01]


def test_no_amount_of_agreement_makes_a_cause_certain() -> None:
    root = replace(finding("a"), confidence=0.95)
    symptoms = tuple(replace(finding(f"b{number}"), caused_by=(root.id,)) for number in range(50))
    (only,) = rank(snapshot_of(), (root, *symptoms))
    assert 0.95 < only.confidence < MAX_CONFIDENCE
    assert all(term.label != "bounded" for term in only.breakdown)


def test_a_lone_symptom_is_less_sure_than_even_odds_whatever_agrees_with_it() -> None:
    root = replace(finding("a"), confidence=0.6, is_symptom=True)
    symptoms = tuple(replace(finding(f"b{number}"), caused_by=(root.id,)) for number in range(9))
    (only,) = rank(snapshot_of(), (root, *symptoms))
    assert only.confidence < 0.5


def test_what_agrees_that_it_fails_does_not_agree_why() -> None:
    root = finding("a", "CrashLoopBackOff/Error")
    symptom = replace(finding("b"), caused_by=(root.id,))
    (only,) = rank(snapshot_of(), (root, symptom))
    assert only.confidence == root.confidence


def blaming(name: str, reason: str, secret: str = "keys") -> Finding:
    return replace(finding(name, reason), points_at=(ResourceRef(kind="Secret", namespace="default", name=secret),))


def roots(manifests: str, *findings: Finding) -> list[str]:
    return sorted(str(item.root) for item in rank(snapshot_of(manifests), findings))


KEYS = "{kind: Secret, metadata: {name: keys}}"


def test_an_object_that_exists_is_blamed_by_several_only_if_they_say_the_same_of_it() -> None:
    missing = "CreateContainerConfigError/SecretKeyNotFound"
    assert roots(KEYS, blaming("a", missing), blaming("b", missing)) == ["Secret default/keys"]
    different = (blaming("a", missing), blaming("b", "CrashLoopBackOff/AuthenticationFailed"))
    assert roots(KEYS, *different) == ["Deployment default/a", "Deployment default/b"]


def test_an_object_that_is_missing_is_blamed_by_all_who_need_it_whatever_they_say() -> None:
    pair = (blaming("a", "CreateContainerConfigError/SecretNotFound"), blaming("b", "FailedMount/SecretNotFound"))
    assert roots("", *pair) == ["Secret default/keys"]


def test_the_confidence_stays_below_certainty_and_says_so() -> None:
    (only,) = rank(snapshot_of(), (replace(finding("a"), confidence=0.99),))
    assert only.confidence == MAX_CONFIDENCE
    assert only.breakdown[-1].label == "bounded"


def test_critical_comes_before_warning() -> None:
    found = (finding("mild", severity=Severity.WARNING), finding("bad"))
    assert [item.root.name for item in rank(snapshot_of(), found)] == ["bad", "mild"]


def test_what_explains_more_comes_first() -> None:
    lone, root = finding("lone"), finding("root")
    symptom = replace(finding("symptom"), caused_by=(root.id,))
    assert [item.root.name for item in rank(snapshot_of(), (lone, root, symptom))] == ["root", "lone"]


def test_what_broke_recently_comes_before_what_has_always_been_so() -> None:
    old = replace(finding("old"), since=NOW - timedelta(days=30), confidence=0.95)
    new = replace(finding("new"), since=NOW - timedelta(minutes=5))
    assert [item.root.name for item in rank(snapshot_of(), (old, new))] == ["new", "old"]


def test_a_hypothesis_lists_its_root_first_and_its_symptoms_from_near_to_far() -> None:
    root = finding("root")
    near = replace(finding("near"), caused_by=(root.id,))
    far = replace(finding("far"), caused_by=(near.id,))
    (only,) = rank(snapshot_of(), (far, near, root))
    assert only.findings == (root.id, near.id, far.id)


def test_no_findings_give_no_hypothesis() -> None:
    assert rank(snapshot_of(), ()) == ()
    assert rank(snapshot_of(), (finding("a", severity=Severity.INFO),)) == ()


def test_of_several_objects_that_are_blamed_the_one_that_most_blame_is_the_root() -> None:
    server = ResourceRef(kind="Service", namespace="default", name="db")
    refused = "CrashLoopBackOff/AuthenticationFailed"
    own = [
        replace(blaming(name, refused, secret), points_at=(*blaming(name, refused, secret).points_at, server))
        for name, secret in (("a", "keys"), ("b", "keys"), ("c", "other"))
    ]
    existing = "{kind: Service, metadata: {name: db}}\n---\n" + KEYS
    assert roots(existing, *own) == ["Service default/db"]
    assert roots(existing, *own[:2]) == ["Secret default/keys"]
